"""How far a recommendation may be trusted: how much was seen, and whether stalls come independently."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.tune.recording import Recording

#: An attempt that takes longer than so many medians is a stall.
STALL = 5.0
_SHUFFLES = 2_000
_SEED = 20240208
_WORDS = {"batch": "the batch", "request": "the prompt", "minute": "the minute", "retry": "their request"}


@dataclass(frozen=True)
class Check:
    """Whether stalls follow something: the p-value of a test, or None where it was not recorded.

    Of batches, prompts and minutes a permutation test; of retries, whether they stall more often than first attempts
    (binomial).
    """

    what: str
    p_value: float | None

    @property
    def follows(self) -> bool:
        """Whether they do, with 99 % certainty."""
        return self.p_value is not None and self.p_value < 0.01

    @property
    def text(self) -> str:
        """In words."""
        words = _WORDS[self.what]
        if self.p_value is None:
            return f"whether stalls follow {words} was not recorded often enough to tell"
        verdict = f"stalls follow {words}" if self.follows else f"nothing says that stalls follow {words}"
        return f"{verdict} (p = {self.p_value:.3g})"


@dataclass(frozen=True)
class Evidence:
    """What was seen: attempts, stalls among them (longer than `stall_s`), and checks of their independence.

    `most_stalls` is the share of stalls that is still possible with 95 % (Clopper and Pearson, 1934; about 3/n for
    none in n: the rule of three).
    """

    attempts: int
    stalls: int
    stall_s: float
    most_stalls: float
    checks: tuple[Check, ...]


def evidence(recording: Recording) -> Evidence:
    """What a recording can prove."""
    from scipy.stats import beta, binomtest

    stall_s = min(STALL * recording.median_s, recording.limit_s)
    stuck = recording.times > stall_s
    n, k = len(recording), int(stuck.sum())
    most = 1.0 if k == n else float(beta.ppf(0.95, k + 1, n - k))
    checks = [Check(what, _p_value(recording.groups.get(what), stuck)) for what in ("batch", "request", "minute")]
    retries = recording.groups.get("retry", np.zeros(n, dtype=np.int64)) == 1
    base = float(stuck[~retries].mean()) if (~retries).any() else 0.0
    again = binomtest(int(stuck[retries].sum()), int(retries.sum()), base, "greater") if retries.any() else None
    checks.append(Check("retry", None if again is None or not 0 < base < 1 else float(again.pvalue)))
    return Evidence(n, k, stall_s, most, tuple(checks))


def _p_value(groups: NDArray[np.int64] | None, stuck: NDArray[np.bool_]) -> float | None:
    """The share of shuffles in which stalls are as crowded: the sum over groups of the squared number of stalls."""
    if groups is None:
        return None
    stuck, groups = stuck[groups >= 0], groups[groups >= 0]
    k = int(stuck.sum())
    if k < 3:
        return None
    _, index, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    if len(sizes) < 2 or int(sizes.max()) < 2:
        return None
    observed = int((np.bincount(index[stuck]) ** 2).sum())
    rng = np.random.default_rng(_SEED)
    as_crowded = 0
    for _ in range(_SHUFFLES):
        drawn = index[rng.choice(len(index), size=k, replace=False)]
        as_crowded += int((np.bincount(drawn) ** 2).sum()) >= observed
    return (as_crowded + 1) / (_SHUFFLES + 1)

"""One cell in two runs: its time, its failures and its load, each with its certainty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.analysis import statistics
from harness.analysis.judged import judged
from harness.errors import UserError

#: Must be equal for a cell to be comparable, with the words for them.
_SAME = {"workload": "workloads", "profile": "profiles", "target": "targets"}
_LEVEL = 0.05


@dataclass(frozen=True)
class CellComparison:
    """One cell in both runs. `ratio` is candidate / base of the mean totals, in the open loop of latency;
    above 1 is slower.

    `p_slower` belongs to the claim that it is slower than allowed, corrected for all cells of the comparison.
    `smallest_change` is what so many trials would have found with a power of 0.8. `reasons` say why it fails.
    """

    cell: str
    base_s: float
    candidate_s: float
    ratio: float
    ci95: tuple[float, float] | None
    paired: bool
    trials: tuple[int, int]
    failed: tuple[float, float]
    load: tuple[float, float]
    verdict: str
    p_slower: float | None = None
    smallest_change: float | None = None
    reasons: tuple[str, ...] = ()

    @property
    def fails(self) -> bool:
        """Whether CI should."""
        return bool(self.reasons)


@dataclass(frozen=True)
class _Pair:
    """What is compared of a cell, trial by trial, on the seeds that both runs have, if there are any."""

    paired: bool
    totals: tuple[Sequence[float], Sequence[float]]
    failed: tuple[Sequence[float], Sequence[float]] | None
    attempts: tuple[Sequence[float], Sequence[float]] | None


def check_equal(before: Any, after: Any, words: str, where: str) -> None:
    """Raise UserError for what must be equal and is not."""
    if before != after:
        raise UserError(f"{where}the runs have different {words} ({before} and {after}) and cannot be compared")


def compare_cells(
    pairs: Sequence[tuple[str, Mapping[str, Any], Mapping[str, Any]]], fail_over_percent: float
) -> tuple[CellComparison, ...]:
    """Compare each named pair of cells, base and candidate; significance is corrected for their number (Holm)."""
    limit = 1 + fail_over_percent / 100
    found = [_compared(name, old, new, limit) for name, old, new in pairs]
    decided = [i for i, (cell, _) in enumerate(found) if cell.p_slower is not None]
    slower = statistics.holm([found[i][0].p_slower or 0.0 for i in decided])
    differs = statistics.holm([found[i][1] for i in decided])
    cells = [cell for cell, _ in found]
    for i, above, apart in zip(decided, slower, differs, strict=True):
        cells[i] = _judged(cells[i], above, apart)
    return tuple(cells)


def _judged(cell: CellComparison, p_slower: float, p_differs: float) -> CellComparison:
    """The verdict, once it is known how many cells were looked at."""
    # One side of a two-sided 95 % interval.
    reasons = (*(("slower",) if p_slower < _LEVEL / 2 else ()), *cell.reasons)
    if cell.verdict == "equal":
        return replace(cell, p_slower=1.0)
    word = "no significant difference"
    if p_differs < _LEVEL:
        word = "slower" if cell.ratio > 1 else "faster"
    elif cell.smallest_change is not None:
        word += f" ({min(cell.trials)} trials could have seen a change of {100 * cell.smallest_change:.2g} %)"
    if not cell.paired:
        word += " (unpaired: no seed in common)"
    return replace(cell, p_slower=round(p_slower, 9), reasons=reasons, verdict=word)


def _compared(name: str, old: Mapping[str, Any], new: Mapping[str, Any], limit: float) -> tuple[CellComparison, float]:
    """A cell whose verdict is still to be corrected, and the p-value of there being a difference at all."""
    for key, words in _SAME.items():
        check_equal(old[key], new[key], words, f"cell {name}: ")
    pair = _paired(old, new)
    theirs, ours = pair.totals
    if not theirs or not ours:
        raise UserError(f"cell {name} has no complete trial in one of the runs; continue it with resume=true")
    base_s, candidate_s = statistics.mean(theirs), statistics.mean(ours)
    if base_s == 0:
        raise UserError(f"cell {name} took no time at all in the base; there is nothing to compare with")
    ratio = statistics.log_ratio(ours, theirs, paired=pair.paired)
    same = pair.paired and list(ours) == list(theirs)
    trials = (len(theirs), len(ours))
    reason = statistics.why_no_ratio(ours, theirs, paired=pair.paired)
    decisive = "equal" if same else f"not decided: {reason}; run with trials={_advised(min(trials))} or more"
    cell = CellComparison(
        cell=name,
        base_s=round(base_s, 9),
        candidate_s=round(candidate_s, 9),
        ratio=round(candidate_s / base_s, 9),
        ci95=None if ratio is None else _rounded(ratio.interval()),
        paired=pair.paired,
        trials=trials,
        failed=(old["failed"] / old["requests"], new["failed"] / new["requests"]),
        load=(old["load"], new["load"]),
        verdict=decisive,
        p_slower=None if ratio is None else ratio.p_above(limit),
        smallest_change=None if ratio is None or same else round(ratio.smallest_change(), 9),
        reasons=_worse(pair, limit),
    )
    return cell, 1.0 if same or ratio is None else ratio.p_differs()


def _advised(trials: int) -> int:
    """How many trials to try where so many decided nothing."""
    return 10 if trials < 10 else 2 * trials


def _worse(pair: _Pair, limit: float) -> tuple[str, ...]:
    """Failures and load that rose beyond the limit and significantly; older summaries do not tell them by trial."""
    reasons = []
    if pair.failed is not None and pair.paired:
        before, after = pair.failed
        rise = statistics.mean_interval([b - a for a, b in zip(before, after, strict=True)])
        beyond = statistics.mean(after) > statistics.mean(before) * limit
        if rise is not None and len(before) >= statistics.FEWEST_FOR_RATIO and rise[0] > 0 and beyond:
            reasons.append("more failures")
    if pair.attempts is not None:
        ratio = statistics.log_ratio(pair.attempts[1], pair.attempts[0], paired=pair.paired)
        if ratio is not None and ratio.p_above(limit) < _LEVEL / 2:
            reasons.append("more load")
    return tuple(reasons)


def _paired(old: Mapping[str, Any], new: Mapping[str, Any]) -> _Pair:
    common = sorted(set(old["seeds"]) & set(new["seeds"]))

    def both(values: Any) -> tuple[Sequence[float], Sequence[float]]:
        before, after = (dict(zip(cell["seeds"], values(cell), strict=True)) for cell in (old, new))
        if common:
            return [before[seed] for seed in common], [after[seed] for seed in common]
        return list(before.values()), list(after.values())

    told = all("failed_per_trial" in cell for cell in (old, new))
    per_trial = [both(lambda cell, key=key: cell[key]) for key in ("failed_per_trial", "attempts_per_trial") if told]
    failed, attempts = per_trial or (None, None)
    return _Pair(bool(common), both(lambda cell: judged(cell)["per_trial"]), failed, attempts)


def _rounded(pair: statistics.Interval) -> tuple[float, float]:
    return round(pair[0], 9), round(pair[1], 9)

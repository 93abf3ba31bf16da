"""The attempts that a profile gives, by even divisions of its draws instead of chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from harness.bounds.thinning import strata, thinned
from harness.distributions import Constant, Distribution
from harness.faults import Fault, Meeting
from harness.faults.connections import Overload, StaleKeepalive, WrongContentLength
from harness.faults.endings import MalformedChunk
from harness.profiles import Profile
from harness.profiles.load import Load
from harness.scripts import NEVER, Script

Array = NDArray[np.float64]
#: First contents, ends, whether the end is an answer, probabilities.
Attempts = tuple[Array, Array, NDArray[np.bool_], Array]

_SEED = 20240208
#: Draws for a sum of several random times.
_DRAWS = 20_000
#: So many different rests go with each first content, where they are random.
_RESTS = 2
#: Scripts that each fault edits; fewer where answers are long.
_SCRIPTS, _EVENTS = 200, 100_000
_STICKS = {
    "prompt": "all attempts of a request",
    "connection": "all attempts over one connection",
    "window": "all attempts within a stretch of time",
}


def why_not(profile: Profile) -> str | None:
    """Why a profile has no bounds, in a sentence: its attempts are not independent; None when they are."""
    if not profile.load.is_unlimited:
        return "how fast its server answers depends on how much is asked of it at once."
    reasons = ((fault, _dependence(fault)) for fault in profile.faults)
    return next((f"its fault {fault.name} {reason}." for fault, reason in reasons if reason), None)


def _dependence(fault: Fault) -> str | None:
    if isinstance(fault, Overload):
        return "makes the time of an attempt depend on the others under way"
    if isinstance(fault, StaleKeepalive):
        return "makes the time of an attempt depend on what its connection served before"
    if fault.sticky != "attempt":
        return f"meets {_STICKS[fault.sticky]} or none of them, so a second attempt is no new draw"
    if fault.first_attempts is not None or fault.every is not None:
        return "chooses attempts by their number, so they are not all alike"
    if isinstance(fault, WrongContentLength):
        return "leaves it to the client's parser whether there is an answer"
    return None


def attempts(profile: Profile, tokens: int, *, stream: bool, healthy: bool) -> Attempts:
    """First content, end, success and probability of the attempts at answers of `tokens` tokens, in seconds."""
    faults = () if healthy else profile.faults
    spared = max(0.0, 1 - sum(fault.probability for fault in faults))
    parts = [_spared(profile, tokens, stream=stream, weight=spared)] if spared > 1e-12 else []
    parts += [_struck(profile, fault, tokens, stream=stream) for fault in faults]
    first, times, ok, weights = (np.concatenate(column) for column in zip(*parts, strict=True))
    return first, times, ok.astype(bool), weights / weights.sum()


def _spared(profile: Profile, tokens: int, *, stream: bool, weight: float) -> Attempts:
    """Attempts that meet no fault. What follows the first content is independent of when that came."""
    rng = np.random.default_rng(_SEED)
    first, weights = _sum([(profile.headers, 1), (profile.first_content, 1)], rng)
    rests, shares = _sum([(profile.between_tokens, tokens - 1), (profile.end, 1)], rng)
    if rests.size > 1:
        first, weights = np.repeat(first, _RESTS), np.repeat(weights / _RESTS, _RESTS)
        even = rng.permutation((np.arange(first.size) + 0.5) / first.size)
        rests = rests[np.minimum(np.searchsorted(np.cumsum(shares), even), rests.size - 1)]
    times = first + rests
    return first if stream else times, times, np.ones(first.size, bool), weights * weight


def _sum(steps: Sequence[tuple[Distribution, int]], rng: np.random.Generator) -> tuple[Array, Array]:
    """The distribution of a sum of independent times, each step taken so many times."""
    constant = sum(step.value * count for step, count in steps if isinstance(step, Constant))
    random = [(step, count) for step, count in steps if not isinstance(step, Constant) and count]
    if not random:
        return np.array([constant]), np.ones(1)
    number = sum(count for _, count in random)
    if number == 1:
        u, widths = strata()
        return constant + _quantiles(random[0][0], u), widths
    draws = _draws(random, max(64, min(_DRAWS, 4_000_000 // number)), rng)
    return thinned(constant + draws, np.full(draws.size, 1 / draws.size))


def _draws(steps: Sequence[tuple[Distribution, int]], size: int, rng: np.random.Generator) -> Array:
    """Sums of independent times, each step evenly divided (Latin hypercube sampling: McKay et al. 1979)."""
    total = np.zeros(size)
    for step, count in steps:
        if isinstance(step, Constant):
            total += step.value * count
            continue
        even = _quantiles(step, (np.arange(size) + 0.5) / size)
        for _ in range(count):
            total += rng.permutation(even)
    return total


def _quantiles(step: Distribution, u: Array) -> Array:
    return np.array([step.quantile(float(value)) for value in u])


def _struck(profile: Profile, fault: Fault, tokens: int, *, stream: bool) -> Attempts:
    """Attempts that meet a fault: scripts as it leaves them, its own draw evenly divided over them."""
    size = max(8, min(_SCRIPTS, _EVENTS // tokens))
    rng = np.random.default_rng(_SEED)
    edges = (profile.headers, profile.first_content, profile.end)
    headers, first, end = (_draws([(step, 1)], size, rng) for step in edges)
    gaps = _draws([(profile.between_tokens, tokens - 1)], size, rng) / max(1, tokens - 1)
    met = []
    for i in range(size):
        steps = [Constant(float(step[i])) for step in (headers, first, gaps, end)]
        script = fault.apply(_script(profile, tokens, steps), (i + 0.5) / size, Meeting())
        met.append(_read(script, stream=stream))
    columns = np.array(met)
    weights = np.full(size, fault.probability / size)
    return columns[:, 0], columns[:, 1], columns[:, 2].astype(bool), weights


def _script(profile: Profile, tokens: int, steps: Sequence[Constant]) -> Script:
    """The profile's script of a healthy answer with these times; gaps between tokens are all the same."""
    headers, first_content, between_tokens, end = steps
    fixed = replace(
        profile,
        headers=headers,
        first_content=first_content,
        between_tokens=between_tokens,
        end=end,
        faults=(),
        load=Load(),
    )
    return fixed.script(0, "0", 1, tokens=tokens)


def _read(script: Script, *, stream: bool) -> tuple[float, float, bool]:
    """First content and end of an attempt in seconds, and whether it ends with an answer.

    A finish reason or [DONE] shows that the answer is complete, whatever follows; the SDK raises at a chunk that is no
    JSON.
    """
    if stream and script.fault == MalformedChunk.kind:
        script = script.cut(script.index_of("data") + 1)
    if not stream:
        script = script.all_at_the_end()
    complete = min((event.at_s for event in script.events if event.name in {"finish", "done"}), default=None)
    if complete is None:
        times = script.end_s
        first = min((event.at_s for event in script.events if event.name == "token"), default=NEVER)
        return (first if stream else NEVER), times, False
    first = min((event.at_s for event in script.events if event.name == "token"), default=complete)
    return (first if stream else complete), complete, complete < NEVER

"""Where simulated attempts come from: a profile and a generator, the mock's own scripts, or recorded times."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from harness.distributions import Constant, Distribution
from harness.errors import UserError
from harness.profiles import Profile
from harness.simulation.reasons import delay_of, why_not_profile
from harness.simulation.sampling import sample

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Pair = tuple[Floats, Floats]


class Draws(Protocol):
    """Attempts as pairs of arrays: seconds from send to the first content, and to the end; infinity is never."""

    def first_attempts(self, first: int, count: int) -> Pair:
        """The first attempt of each row from `first` on. The arrays are the caller's, to change as it likes."""

    def further(self, rows: Ints, numbers: Ints) -> Pair:
        """The attempt of that number, from 2 on, of each of the rows."""


class FromProfile:
    """Fresh draws of a profile by a NumPy generator: the same distribution as the mock's, and other numbers.

    Raises UserError for a profile whose attempts are not independent, or fail by more than silence.
    """

    def __init__(self, profile: Profile, seed: int, *, tokens: int | None = None) -> None:
        _refuse(profile)
        self._profile = profile
        self._first, self._further = _generators(seed)
        self._gaps = (tokens or profile.output_tokens) - 1

    def first_attempts(self, first: int, count: int) -> Pair:  # noqa: ARG002 - every row is a new draw
        """The same for all strategies that are simulated with the same seed and sizes, as in virtual time."""
        return self._attempts(count, self._first)

    def further(self, rows: Ints, numbers: Ints) -> Pair:  # noqa: ARG002 - as above
        """Independent of each other and of the first ones."""
        return self._attempts(rows.size, self._further)

    def _attempts(self, count: int, rng: np.random.Generator) -> Pair:
        profile = self._profile
        begins = _add(np.zeros(count), [(profile.headers, 1), (profile.first_content, 1)], rng)
        ends = _add(begins.copy(), [(profile.between_tokens, self._gaps), (profile.end, 1)], rng)
        if profile.faults:
            self._strike(begins, ends, rng)
        return begins, ends

    def _strike(self, begins: Floats, ends: Floats, rng: np.random.Generator) -> None:
        """At most one fault for each attempt, as in the mock: a range of one uniform draw for each fault."""
        dice = rng.random(begins.size)
        struck = np.flatnonzero(dice < sum(fault.probability for fault in self._profile.faults))
        left = dice[struck]
        for fault in self._profile.faults:
            here = (left >= 0) & (left < fault.probability)
            late = delay_of(fault, int(here.sum()), rng)
            begins[struck[here]] += late
            ends[struck[here]] += late
            left = np.where(here, -1.0, left - fault.probability)


class FromScripts:
    """The attempts that the mock itself gives in the trials of these seeds, each of so many requests.

    For holding the simulation to virtual time; scripts are made one by one. Raises UserError as FromProfile does.
    """

    def __init__(self, profile: Profile, seeds: Sequence[int], requests: int, *, tokens: int | None = None) -> None:
        _refuse(profile)
        self._profile = profile
        self._seeds = seeds
        self._requests = requests
        self._tokens = tokens

    def first_attempts(self, first: int, count: int) -> Pair:
        """One script for each row."""
        rows = np.arange(first, first + count)
        return self.further(rows, np.ones(count, dtype=np.int64))

    def further(self, rows: Ints, numbers: Ints) -> Pair:
        """One script for each row and number."""
        pairs = np.array([self._attempt(int(row), int(number)) for row, number in zip(rows, numbers, strict=True)])
        both = pairs.reshape(-1, 2)
        return both[:, 0].copy(), both[:, 1].copy()

    def _attempt(self, row: int, number: int) -> tuple[float, float]:
        trial, request = divmod(row, self._requests)
        script = self._profile.script(self._seeds[trial], str(request), number, tokens=self._tokens)
        at = {event.name: event.at_s for event in reversed(script.events)}
        return at["token"], at["end"]


class FromTimes:
    """Recorded times to the first content, each equally likely (infinity: never), drawn anew for every attempt.

    `rests` are those from the first content to the end: one for all, or the one that goes with each time. Raises
    ValueError without any times, or when the shapes differ.
    """

    def __init__(self, times: Floats, seed: int, *, rests: Floats | float = 0.0) -> None:
        if not len(times):
            raise ValueError("times: at least one is needed")
        self._times = np.asarray(times, dtype=np.float64)
        if np.shape(rests) not in {(), self._times.shape}:
            raise ValueError(f"rests: {np.shape(rests)[0]} for {self._times.size} times")
        self._rests = np.broadcast_to(np.asarray(rests, dtype=np.float64), self._times.shape)
        self._first, self._further = _generators(seed)

    def first_attempts(self, first: int, count: int) -> Pair:  # noqa: ARG002 - every row is a new draw
        """The same for all strategies that are simulated with the same seed and sizes."""
        return self._attempts(count, self._first)

    def further(self, rows: Ints, numbers: Ints) -> Pair:  # noqa: ARG002 - as above
        """Independent of each other and of the first ones."""
        return self._attempts(rows.size, self._further)

    def _attempts(self, count: int, rng: np.random.Generator) -> Pair:
        drawn = rng.integers(self._times.size, size=count)
        begins = self._times[drawn]
        return begins, begins + self._rests[drawn]


def _add(times: Floats, steps: Sequence[tuple[Distribution, int]], rng: np.random.Generator) -> Floats:
    """Add to times, in place, independent draws of each step, so many of it."""
    constant = sum(step.value * number for step, number in steps if isinstance(step, Constant))
    if constant:
        times += constant
    for step, number in steps:
        for _ in range(0 if isinstance(step, Constant) else number):
            times += sample(step, times.size, rng)
    return times


def _refuse(profile: Profile) -> None:
    reason = why_not_profile(profile)
    if reason is not None:
        raise UserError(f"{profile.name} cannot be simulated: {reason}; run it in virtual time")


def _generators(seed: int) -> tuple[np.random.Generator, np.random.Generator]:
    """One for first attempts and one for the others, so that all strategies begin with the same first attempts."""
    # Draws are most of a simulated request, and this generator is quicker than NumPy's default one.
    first, further = (np.random.Generator(np.random.SFC64(one)) for one in np.random.SeedSequence(seed).spawn(2))
    return first, further

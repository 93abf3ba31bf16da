"""The requests of a trial, made when they are looked at, so that a million of them take no room."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import overload

from harness.records import Request


class Requests(Sequence[Request]):
    """Requests by their number; a slice is another one of these."""

    def __init__(self, make: Callable[[int], Request], numbers: Sequence[int]) -> None:
        self._make = make
        self.numbers = numbers

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, place: int) -> Request: ...
    @overload
    def __getitem__(self, place: slice) -> Requests: ...
    def __getitem__(self, place: int | slice) -> Request | Requests:
        if isinstance(place, slice):
            return self.only(self.numbers[place])
        return self._make(self.numbers[place])

    def only(self, numbers: Sequence[int]) -> Requests:
        """Those of these numbers."""
        return Requests(self._make, numbers)

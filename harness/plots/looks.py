"""Colours and lines of cells: one visual language for every figure, static or on the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: Okabe and Ito's palette, told apart with every kind of colour vision; the reference is grey.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6D1F", "#5B3A8E")
REFERENCE_COLOUR = "#5A5A5A"

#: Strategies that look the same in every report, by their place in the palette.
_OWN = {
    "article_10": 0, "article_20": 1, "adaptive": 2, "hedge_2": 3, "restart_2": 4, "adaptive_frugal": 5,
    "sdk_default": 6, "speculation": 7,
}  # fmt: skip

#: Cells of one strategy differ in their lines: whole, dashed, dotted, as lengths of dash and gap.
DASHES: tuple[tuple[float, ...], ...] = ((), (6, 3), (2, 2), (8, 3, 2, 3))


@dataclass(frozen=True)
class Look:
    """How a cell is drawn: `place` in the palette, None for the grey of the reference, and which of the DASHES."""

    place: int | None
    dash: int

    @property
    def colour(self) -> str:
        """As static figures have it."""
        return REFERENCE_COLOUR if self.place is None else PALETTE[self.place]

    @property
    def variable(self) -> str:
        """The name of the page's variable for the colour, which differs in the dark."""
        return "reference" if self.place is None else f"colour-{self.place}"

    @property
    def dashes(self) -> Any:
        """As matplotlib's `linestyle` takes it."""
        return (0, DASHES[self.dash]) if self.dash else "-"


def looks(cells: Sequence[Mapping[str, Any]], reference: str) -> dict[str, Look]:
    """A look for each cell of a summary: its colour says the strategy, where strategies differ, otherwise the cell.

    Well-known strategies have a colour of their own; others take the next that is free, and share when none is.
    """
    differ = len({cell["strategy"]["name"] for cell in cells}) > 1
    groups: dict[str, list[str]] = {}
    for cell in cells:
        groups.setdefault(cell["strategy"]["name"] if differ else cell["cell"], []).append(cell["cell"])
    grey = next((group for group, names in groups.items() if reference in names), None)
    places = _places([group for group in groups if group != grey])
    found = {}
    for group, names in groups.items():
        ordered = sorted(names, key=lambda name: name != reference)
        for i, name in enumerate(ordered):
            found[name] = Look(places.get(group), i % len(DASHES))
    return found


def _places(groups: Sequence[str]) -> dict[str, int]:
    places = {group: _OWN[group] for group in groups if group in _OWN}
    free = [place for place in range(len(PALETTE)) if place not in places.values()]
    for i, group in enumerate(group for group in groups if group not in places):
        places[group] = free[i] if i < len(free) else i % len(PALETTE)
    return places

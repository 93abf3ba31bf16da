"""Speed against its price: how much each cell asked of the server beyond one attempt a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.analysis.judged import judged, quantity
from harness.plots.base import Chart, Data, log_seconds, seconds, whiskers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FEWEST, _MOST_CELLS = 3, 24
#: Extra attempts, in per cent, below which a cell stands at the left edge: a logarithmic axis has no zero.
_LEAST = 0.1
#: Failures beyond the reference's from which a cell is drawn as an empty dot.
_FAILS = 0.001
#: Height of a label, in points, with the room that an axis and its title take around it.
_LINE = 16


@dataclass(frozen=True)
class _Point:
    name: str
    extra: float
    total: float
    interval: list[float] | None
    fails: bool
    best: bool
    #: Whether it may be no quicker than the reference, for all that is known.
    doubtful: bool

    @property
    def shown(self) -> float:
        """Extra attempts in per cent, as a logarithmic axis can show them."""
        return max(_LEAST, self.extra)


class CostAndSpeed(Chart):
    """A dot per cell: extra attempts against the mean total; those that no other beats in both are joined."""

    name = "cost_and_speed"
    place = 5
    size = (9.0, 4.8)
    columns = ("cell", "extra_attempts_percent", "total_s", "low_s", "high_s", "fails_more", "on_front", "no_stall_s")

    @classmethod
    def applies(cls, data: Data) -> bool:
        """For cells behind one server that differ in load."""
        loads = [cell["load"] for cell in data.cells]
        one_server = len({cell["profile"] for cell in data.cells}) == 1 and len(data.comparable) == len(data.cells)
        return (
            one_server
            and not data.is_sweep
            and _FEWEST <= len(loads) <= _MOST_CELLS
            and max(loads) - min(loads) > 0.005
        )

    def prepare(self, data: Data) -> None:
        """Points in the order of the matrix, and the bounds where all cells have the same."""
        reference = next((c for c in data.cells if c["cell"] == data.summary["reference"]), data.cells[0])
        allowed = reference["failed"] / reference["requests"] + _FAILS
        sound = [(c["load"], judged(c)["mean"]) for c in data.cells if c["failed"] / c["requests"] <= allowed]
        self.points = [
            _Point(
                cell["cell"],
                100 * (cell["load"] - 1),
                judged(cell)["mean"],
                judged(cell)["ci95"],
                cell["failed"] / cell["requests"] > allowed,
                _unbeaten(cell, sound) and cell["failed"] / cell["requests"] <= allowed,
                cell["speedup"]["significant"] is False,
            )
            for cell in data.cells
        ]
        self.what = quantity(data.cells)
        self.looks = data.looks
        self.reference = data.summary["reference"]
        found = {c["bounds"]["no_stall_s"] for c in data.cells if c.get("bounds") and c["bounds"]["source"]}
        self.floor = found.pop() if len(found) == 1 else None

    @property
    def title(self) -> str:
        """The quickest of those that answer, and its price."""
        best = min((p for p in self.points if p.best), key=lambda p: p.total)
        base = next((p for p in self.points if p.name == self.reference), best)
        if best is base or best.doubtful:
            surely = "" if best is base else " surely"
            return f"Nothing that answers as much is{surely} quicker than {base.name}: {seconds(base.total)}"
        price = "hardly any extra attempt" if best.extra <= _LEAST else f"{best.extra:.1f} % more attempts"
        return f"{best.name}: {seconds(best.total)} for {price}"

    def rows(self) -> list[tuple[Any, ...]]:
        """A row per dot."""
        return [
            (p.name, p.extra, p.total, *(p.interval or (None, None)), p.fails, p.best, self.floor) for p in self.points
        ]

    def draw(self, figure: Figure) -> None:
        """Both axes logarithmic; empty dots fail more requests than the reference."""
        ax = figure.subplots()
        front = sorted((p for p in self.points if p.best), key=lambda p: p.extra)
        ax.plot([p.shown for p in front], [p.total for p in front], color="#BBBBBB", lw=1.2, zorder=1)
        for point in self.points:
            colour = self.looks[point.name].colour
            whiskers(ax, [point.shown], [point.interval], colour)
            face = "white" if point.fails else colour
            ax.scatter([point.shown], [point.total], s=48, facecolor=face, edgecolor=colour, lw=1.6, zorder=3)
        if self.floor:
            ax.axhline(self.floor, color="#5A5A5A", lw=1, ls=":")
            ax.annotate(
                f"no stalls at all: {seconds(self.floor)}",
                (1, self.floor),
                xycoords=("axes fraction", "data"),
                xytext=(0, 3),
                textcoords="offset points",
                ha="right",
                fontsize=8,
                color="#5A5A5A",
            )
        ax.set_xscale("log")
        ax.set_yscale("log")
        log_seconds(ax.xaxis)
        log_seconds(ax.yaxis)
        ax.set_xlim(_LEAST * 0.8, max(2.0, 1.6 * max(p.shown for p in self.points)))
        self._name(ax)
        ax.set_xlabel(f"attempts beyond one a request, % (log; {_LEAST:g} stands for less too)")
        ax.set_ylabel(f"{self.what} of a trial, s (log)")

    def _name(self, ax: Axes) -> None:
        """A label for each dot in a column beside the axes, in order of their totals, tied to its dot."""
        to_axes = ax.transScale + ax.transLimits
        points = sorted(self.points, key=lambda p: p.total)
        heights = spread([float(to_axes.transform((p.shown, p.total))[1]) for p in points], _LINE / (72 * self.size[1]))
        for point, height in zip(points, heights, strict=True):
            ax.annotate(
                point.name + (" (fails more)" if point.fails else ""),
                (point.shown, point.total),
                xytext=(1.06, height),
                textcoords="axes fraction",
                va="center",
                fontsize=8,
                annotation_clip=False,
                arrowprops={
                    "arrowstyle": "-",
                    "relpos": (0.0, 0.5),
                    "color": self.looks[point.name].colour,
                    "lw": 0.8,
                    "ls": ":",
                    "shrinkA": 1,
                    "shrinkB": 4,
                },
            )


def spread(heights: Sequence[float], apart: float) -> list[float]:
    """Ascending heights, moved so that they are `apart` and the whole stays around where it was; shares of the axes.

    Each group that is too close is spread about its own middle, until no two groups overlap.
    """
    groups: list[list[float]] = []
    for height in heights:
        groups.append([height])
        while len(groups) > 1 and _low(groups[-1], apart) < _low(groups[-2], apart) + apart * len(groups[-2]):
            last = groups.pop()
            groups[-1] += last
    return [_low(group, apart) + apart * i for group in groups for i in range(len(group))]


def _low(group: Sequence[float], apart: float) -> float:
    return sum(group) / len(group) - apart * (len(group) - 1) / 2


def _unbeaten(cell: dict[str, object], sound: list[tuple[float, float]]) -> bool:
    """Whether no cell that answers is at least as good in both and better in one."""
    load, total = cell["load"], judged(cell)["mean"]
    return not any(a <= load and b <= total and (a, b) != (load, total) for a, b in sound)  # type: ignore[operator]

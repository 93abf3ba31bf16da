"""Totals of every trial, their mean, and the speedup."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.analysis.judged import judged, of_one_trial
from harness.plots.base import Chart, Data, log_seconds, seconds, stroke

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Beyond them there is the table, and for most sweeps a chart of their own.
_MOST_CELLS, _MOST_OF_A_SWEEP = 20, 8
#: A factor below this is no difference worth a title.
_SAME = 1.05


@dataclass(frozen=True)
class _Row:
    name: str
    seeds: list[int]
    totals: list[float]
    mean: float
    interval: list[float] | None
    label: str
    speedup: dict[str, Any]


class TotalsAndSpeedup(Chart):
    """A row per cell: a dot per trial, the mean with its 95 % interval, the speedup in words."""

    name = "totals"
    place = 4
    columns = ("cell", "seed", "total_s")

    @classmethod
    def applies(cls, data: Data) -> bool:
        """For as many cells as have room, one below the other."""
        return len(data.cells) <= (_MOST_OF_A_SWEEP if data.is_sweep else _MOST_CELLS)

    def prepare(self, data: Data) -> None:
        """Rows in the order of the matrix."""
        self.bars = [
            _Row(
                cell["cell"],
                cell["seeds"],
                judged(cell)["per_trial"],
                judged(cell)["mean"],
                judged(cell)["ci95"],
                _label(cell, data.summary["reference"]),
                cell["speedup"],
            )
            for cell in data.cells
        ]
        self.what = of_one_trial(data.cells)
        self.reference = data.summary["reference"]
        self.looks = data.looks
        self.but_fails = data.but_fails
        self.comparable = data.comparable
        self.size = (8.0, 1.5 + 0.42 * len(self.bars))  # type: ignore[misc]  # as tall as this run has cells

    @property
    def title(self) -> str:
        """The quickest cell against the reference."""
        best = min((row for row in self.bars if row.name in self.comparable), key=lambda row: row.mean)
        base = next((row for row in self.bars if row.name == self.reference), None)
        factor = best.speedup["mean"]
        if base is None or best is base or not factor:
            return f"{best.name}: {seconds(best.mean)} on average"
        trials = len(set(best.seeds) & set(base.seeds))
        doubt = ", which is not significant" if best.speedup["significant"] is False else ""
        words = f"{factor:.1f}x faster than {base.name}{doubt}" if factor >= _SAME else f"about as fast as {base.name}"
        return f"{best.name} is {words}{self.but_fails(best.name)} ({trials} trial{'s' * (trials != 1)})"

    def rows(self) -> list[tuple[Any, ...]]:
        """A row per small dot."""
        return [(row.name, *found) for row in self.bars for found in zip(row.seeds, row.totals, strict=True)]

    def draw(self, figure: Figure) -> None:
        """Rows from top to bottom, totals on a logarithmic axis."""
        ax = figure.subplots()
        for place, row in enumerate(self.bars):
            colour = self.looks[row.name].colour
            # A fixed zigzag keeps dots apart without a random generator.
            spread = [place + 0.26 * (((i * 7) % 11) / 10 - 0.5) for i in range(len(row.totals))]
            alpha = max(0.12, min(0.6, 12 / max(1, len(row.totals))))
            ax.scatter(row.totals, spread, s=14, color=colour, alpha=alpha, lw=0)
            if row.interval is not None:
                stroke(ax, row.interval, (place, place), color=colour, lw=3, alpha=0.85)
            ax.scatter([row.mean], [place], s=62, color=colour, edgecolor="white", lw=1.2, zorder=3)
            ax.annotate(
                row.label, (1.01, place), xycoords=("axes fraction", "data"), va="center", fontsize=8.5, color="#333333"
            )
        ax.set_xscale("log")
        log_seconds(ax.xaxis)
        ax.set_yticks(range(len(self.bars)), [row.name for row in self.bars])
        ax.set_ylim(len(self.bars) - 0.5, -0.5)
        ax.grid(axis="y", visible=False)
        ax.set_xlabel(f"{self.what}, s (log); small dots: trials, large dot: mean, bar: 95 % interval of the mean")


def _label(cell: dict[str, object], reference: str) -> str:
    total, speedup = judged(cell), cell["speedup"]
    assert isinstance(total, dict)  # noqa: S101 - summary.json says so
    assert isinstance(speedup, dict)  # noqa: S101 - as above
    text = seconds(total["mean"])
    if cell["cell"] == reference or speedup["mean"] is None:
        return text
    text += f"   {speedup['mean']:.1f}x"
    if speedup["ci95"] is not None:
        text += f" [{speedup['ci95'][0]:.1f}, {speedup['ci95'][1]:.1f}]"
    return text

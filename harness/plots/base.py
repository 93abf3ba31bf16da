"""What all charts share: their data, their register, their looks, and how they are saved."""

from __future__ import annotations

import csv
import textwrap
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from harness.plots.looks import Look, looks

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Scales that have charts of their own, and what may vary beside them.
SWEEPS = (
    ("rate", ("rate", "strategy")),
    ("timeout", ("timeout", "stream", "batch_size")),
    ("batch_size", ("batch_size", "strategy")),
)
#: Of a title: longer ones take a second line.
_LETTERS_AN_INCH = 10.5
STYLE = Path(__file__).with_name("harness.mplstyle")


@dataclass(frozen=True)
class Data:
    """What a chart may draw from: the summary, the batches and the quantiles of a run, and attempts of a few batches.

    `shown_trial` is the trial that charts of a single run show, `timelines` has the columns of analysis.timelines, and
    trial i has the seed `first_seed` + i.
    """

    summary: dict[str, Any]
    batches: pd.DataFrame
    quantiles: pd.DataFrame
    timelines: pd.DataFrame
    shown_trial: int = 0
    first_seed: int = 0

    @property
    def cells(self) -> list[dict[str, Any]]:
        """The cells of the summary whose trials are complete enough to have a total."""
        return [cell for cell in self.summary["cells"] if cell["total_s"]["per_trial"]]

    @cached_property
    def comparable(self) -> set[str]:
        """The reference and what is compared with it: cells behind the same server, of which a title may name two."""
        reference = self.summary["reference"]
        found = {c["cell"] for c in self.cells if c["speedup"].get("reference", reference) == reference}
        return found or {cell["cell"] for cell in self.cells}

    @property
    def shown_seed(self) -> int:
        """The seed of the shown trial: seeds count up with trials."""
        return self.first_seed + self.shown_trial

    def but_fails(self, name: str) -> str:
        """What a title adds in praise of a cell that fails more than the reference: whoever gives up is soon done."""
        rates = {cell["cell"]: cell["failed"] / cell["requests"] for cell in self.summary["cells"]}
        more = rates[name] > rates.get(self.summary["reference"], 0.0) + 0.001
        return f", but fails {rates[name]:.1%}" if more else ""

    @cached_property
    def looks(self) -> dict[str, Look]:
        """How each cell is drawn, the same in every chart."""
        return looks(self.summary["cells"], self.summary["reference"])

    def axes_in_use(self) -> list[str]:
        """The axes on which the cells differ, in the order of the matrix."""
        names = list(dict.fromkeys(axis for cell in self.cells for axis in cell["axes"]))
        return [axis for axis in names if len({repr(cell["axes"].get(axis)) for cell in self.cells}) > 1]

    @property
    def is_sweep(self) -> bool:
        """Whether an axis is a scale and there is a chart of its own for it."""
        axes = set(self.axes_in_use())
        return any(scale in axes and axes <= set(others) for scale, others in SWEEPS)


class Chart:
    """A picture of a run. Subclasses with a name register themselves by being defined."""

    name: ClassVar[str]
    #: Where it stands in the report, in ascending order.
    place: ClassVar[int]
    size: ClassVar[tuple[float, float]] = (8.0, 4.2)
    #: Of `rows`; seconds end in _s.
    columns: ClassVar[tuple[str, ...]]
    _register: ClassVar[list[type[Chart]]] = []

    def __init_subclass__(cls) -> None:
        if "name" in cls.__dict__:
            Chart._register.append(cls)

    @classmethod
    def applies(cls, data: Data) -> bool:
        """Whether this picture of this run says something."""
        raise NotImplementedError

    def __init__(self, data: Data) -> None:
        self.prepare(data)

    def prepare(self, data: Data) -> None:
        """Compute what is drawn; pure."""
        raise NotImplementedError

    @property
    def title(self) -> str:
        """The finding, in words and numbers."""
        raise NotImplementedError

    def rows(self) -> list[tuple[Any, ...]]:
        """The data of the figure under `columns`: what its file holds, and what the page draws from."""
        raise NotImplementedError

    def draw(self, figure: Figure) -> None:
        """Draw what was prepared."""
        raise NotImplementedError


def charts_for(data: Data) -> list[Chart]:
    """Every chart that applies to a run, in the order of the report."""
    return [
        chart(data)
        for chart in sorted(Chart._register, key=lambda chart: chart.place)
        if data.cells and chart.applies(data)
    ]


class Picture(Protocol):
    """What can be saved."""

    name: ClassVar[str]
    size: ClassVar[tuple[float, float]]

    @property
    def title(self) -> str:
        """The finding, in words and numbers."""

    def draw(self, figure: Figure) -> None:
        """Draw it."""


def save(chart: Picture, folder: Path) -> tuple[Path, Path]:
    """Write a chart as SVG and PNG; equal data gives equal bytes. Returns both paths."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    folder.mkdir(parents=True, exist_ok=True)
    svg, png = folder / f"{chart.name}.svg", folder / f"{chart.name}.png"
    with mpl.rc_context(fname=str(STYLE)), warnings.catch_warnings():
        # A name in letters that the font lacks is drawn as boxes; the page and the tables show it.
        warnings.filterwarnings("ignore", message="Glyph")
        # A server without latency takes no time at all, for which a logarithmic axis has no place: it stays empty.
        warnings.filterwarnings("ignore", message="Data has no positive values")
        figure = Figure(figsize=chart.size, layout="constrained")
        chart.draw(figure)
        title = textwrap.fill(chart.title, int(_LETTERS_AN_INCH * chart.size[0]))
        figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
        # Both files show one layout, which takes as long to find as a file to draw.
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        figure.savefig(svg, format="svg", metadata={"Date": None})
        figure.savefig(png, format="png", metadata={"Software": None})
    return svg, png


def save_data(chart: Chart, folder: Path) -> Path:
    """Write the data of a chart as CSV beside it; returns the path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{chart.name}.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(chart.columns)
        writer.writerows(chart.rows())
    return path


def seconds(value: float) -> str:
    """Seconds as a person writes them: 13 min 10 s, 99 s, 9.5 s, 0.82 s."""
    if value >= 600:
        minutes, rest = divmod(round(value), 60)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    if value >= 20:
        return f"{value:.0f} s"
    return f"{value:.1f} s" if value >= 1 else f"{value:.2f} s"


def log_seconds(axis: Any) -> None:
    """Plain numbers on a logarithmic axis: 1, 2, 5, 10 instead of powers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(base=10, subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def whiskers(ax: Axes, x: Sequence[float], intervals: Sequence[Sequence[float] | None], colour: str) -> None:
    """Vertical 95 % intervals, where there are any."""
    for at, interval in zip(x, intervals, strict=True):
        if interval is not None:
            stroke(ax, (at, at), interval, color=colour, lw=1.2, alpha=0.7, zorder=2)


def stroke(ax: Axes, x: Sequence[float], y: Sequence[float], **style: Any) -> None:
    """A line whose ends may lie below zero, for which a logarithmic axis has no place: it runs out of the picture."""
    from matplotlib.lines import Line2D

    # An artist of its own does not stretch the axes; its ends above zero do.
    ax.add_artist(Line2D([max(value, 1e-9) for value in x], [max(value, 1e-9) for value in y], **style))
    ax.update_datalim([point for point in zip(x, y, strict=True) if min(point) >= 0])
    ax.autoscale_view()

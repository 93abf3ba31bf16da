"""Totals along an axis of the matrix: timeout, or batch size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.analysis.judged import judged, quantity
from harness.plots.base import Chart, Data, log_seconds, seconds, whiskers
from harness.plots.looks import PALETTE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SDK_DEFAULT_S = 600.0


@dataclass(frozen=True)
class _Curve:
    label: str
    cells: list[str]
    x: list[float]
    mean: list[float]
    intervals: list[list[float] | None]
    failed: list[float]


class TimeoutSweep(Chart):
    """Mean total against the timeout, a line for streaming on and one for off."""

    name = "timeout_sweep"
    place = 3
    columns = ("curve", "timeout_s", "cell", "total_s", "low_s", "high_s", "failed_share")

    @classmethod
    def applies(cls, data: Data) -> bool:
        """For a matrix of timeouts, with or without streaming, and nothing else."""
        axes = set(data.axes_in_use())
        return "timeout" in axes and axes <= {"timeout", "stream"} and len(data.cells) > 2

    def prepare(self, data: Data) -> None:
        """Curves in ascending order of the timeout; the SDK's default stands at 600 s."""
        cells = [cell for cell in data.cells if cell["strategy"]["timeout"] != "off"]
        self.what = quantity(data.cells)
        groups = {bool(cell["strategy"]["stream"]) for cell in cells}
        self.curves = [
            _curve("stream=True" if stream else "stream=False", [c for c in cells if c["strategy"]["stream"] == stream])
            for stream in sorted(groups)
        ]

    @property
    def title(self) -> str:
        """The best timeout and what it saves against the default."""
        points = [(m, x, c.label) for c in self.curves for m, x in zip(c.mean, c.x, strict=True)]
        mean, timeout, label = min(points)
        text = f"Shortest at timeout={timeout:g} ({label}): {seconds(mean)}"
        default = next((m for m, x, _ in points if x == SDK_DEFAULT_S), None)
        return text if default is None else f"{text}, against {seconds(default)} with the SDK's default"

    def rows(self) -> list[tuple[Any, ...]]:
        """A row per point."""
        return _rows(self.curves)

    def draw(self, figure: Figure) -> None:
        """Totals above, failed requests below, where there were any."""
        any_failed = any(share > 0 for curve in self.curves for share in curve.failed)
        axes = figure.subplots(
            1 + any_failed, 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": [3, 1][: 1 + any_failed]}
        )[:, 0]
        colours = dict(zip((curve.label for curve in self.curves), PALETTE[1::-1], strict=False))
        # Where streaming makes no difference the curves coincide: the wide one shows on both sides of the other.
        for curve, marker, width, size in zip(self.curves, "os", (4.5, 1.6), (9, 4.5), strict=False):
            colour = colours[curve.label]
            whiskers(axes[0], curve.x, curve.intervals, colour)
            axes[0].plot(curve.x, curve.mean, marker=marker, ms=size, lw=width, color=colour, label=curve.label)
            if any_failed:
                axes[1].plot(curve.x, [100 * share for share in curve.failed], marker=marker, ms=4, color=colour)
        axes[0].set_yscale("log")
        log_seconds(axes[0].yaxis)
        axes[0].set_ylabel(f"{self.what}, s (log)")
        axes[0].legend(loc="upper left")
        if any_failed:
            axes[1].set_ylabel("failed, %")
            axes[1].set_ylim(bottom=0)
        _timeout_axis(axes[-1], sorted({x for curve in self.curves for x in curve.x}))


class BatchSizeSweep(Chart):
    """Mean total against the batch size for the same requests, a line per strategy."""

    name = "batch_size_sweep"
    place = 3
    columns = ("curve", "batch_size", "cell", "total_s", "low_s", "high_s", "failed_share")

    @classmethod
    def applies(cls, data: Data) -> bool:
        """For a matrix of batch sizes, with or without strategies, and nothing else."""
        axes = set(data.axes_in_use())
        return "batch_size" in axes and axes <= {"batch_size", "strategy"}

    def prepare(self, data: Data) -> None:
        """A curve per strategy in ascending order of the batch size."""
        names = list(dict.fromkeys(cell["strategy"]["name"] for cell in data.cells))
        self.curves = [
            _curve(name, [c for c in data.cells if c["strategy"]["name"] == name], x=lambda c: c["batch_size"])
            for name in names
        ]
        self.looks = data.looks

    @property
    def title(self) -> str:
        """What the largest batches save against the smallest, curve by curve."""
        sizes = self.curves[0].x
        found = ", ".join(f"{c.label} {seconds(c.mean[0])} to {seconds(c.mean[-1])}" for c in self.curves)
        return f"From batches of {sizes[0]:g} to {sizes[-1]:g}: {found}"

    def rows(self) -> list[tuple[Any, ...]]:
        """A row per point."""
        return _rows(self.curves)

    def draw(self, figure: Figure) -> None:
        """Both axes logarithmic, every batch size a tick."""
        ax = figure.subplots()
        for curve in self.curves:
            colour = self.looks[curve.cells[0]].colour
            whiskers(ax, curve.x, curve.intervals, colour)
            ax.plot(curve.x, curve.mean, marker="o", ms=5, color=colour, label=curve.label, zorder=3)
        ax.set_xscale("log")
        ax.set_yscale("log")
        log_seconds(ax.yaxis)
        ticks = sorted({x for curve in self.curves for x in curve.x})
        ax.set_xticks(ticks, [f"{x:g}" for x in ticks], minor=False)
        ax.set_xticks([], minor=True)
        ax.set_xlabel("batch size: requests awaited together (log)")
        ax.set_ylabel("mean total of the same requests, s (log)")
        ax.legend(loc="upper right")


def _timeout(cell: dict[str, Any]) -> float:
    timeout = cell["strategy"]["timeout"]
    return SDK_DEFAULT_S if timeout is None else float(timeout)


def _curve(label: str, cells: list[dict[str, Any]], x: Any = _timeout) -> _Curve:
    ordered = sorted(cells, key=x)
    return _Curve(
        label,
        [cell["cell"] for cell in ordered],
        [float(x(cell)) for cell in ordered],
        [judged(cell)["mean"] for cell in ordered],
        [judged(cell)["ci95"] for cell in ordered],
        [cell["failed"] / cell["requests"] for cell in ordered],
    )


def _rows(curves: list[_Curve]) -> list[tuple[Any, ...]]:
    return [
        (curve.label, x, cell, mean, *(interval or (None, None)), failed)
        for curve in curves
        for x, cell, mean, interval, failed in zip(
            curve.x, curve.cells, curve.mean, curve.intervals, curve.failed, strict=True
        )
    ]


def _timeout_axis(ax: Any, timeouts: list[float]) -> None:
    ax.set_xscale("log")
    ax.set_xticks(timeouts, [f"{x:g}" if x != SDK_DEFAULT_S else "default\n(600)" for x in timeouts], minor=False)
    ax.set_xticks([], minor=True)
    ax.set_xlabel("timeout, s (log)")

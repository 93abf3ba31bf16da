"""What users see as more of them come: latency against the rate of requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.analysis.judged import is_open
from harness.plots.base import Chart, Data, log_seconds, seconds, whiskers

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class _Curve:
    """A strategy: for each of its `cells` the rate, quantiles of latency in seconds, and the share that failed."""

    label: str
    cells: list[str]
    rates: list[float]
    half: list[float]
    slow: list[float]
    intervals: list[list[float] | None]
    failed: list[float]


class RateSweep(Chart):
    """Latency against the rate, a line per strategy: the 99th percentile whole, the median dotted."""

    name = "rate_sweep"
    place = 1
    size = (8.0, 4.6)
    columns = ("curve", "rate", "cell", "p50_s", "p99_s", "low_s", "high_s", "failed_share")

    @classmethod
    def applies(cls, data: Data) -> bool:
        """For a matrix of rates, with or without strategies, and nothing else."""
        axes = set(data.axes_in_use())
        return all(map(is_open, data.cells)) and "rate" in axes and axes <= {"rate", "strategy"}

    def prepare(self, data: Data) -> None:
        """A curve per strategy in ascending order of the rate."""
        names = list(dict.fromkeys(cell["strategy"]["name"] for cell in data.cells))
        self.curves = [_curve(name, [c for c in data.cells if c["strategy"]["name"] == name]) for name in names]
        self.looks = data.looks
        self.reference = data.summary["reference"]

    @property
    def title(self) -> str:
        """The 99th percentile at the highest rate, of the reference and of the least."""
        base = next((one for one in self.curves if self.reference in one.cells), self.curves[0])
        best = min(self.curves, key=lambda one: (one.failed[-1] > base.failed[-1] + 0.001, one.slow[-1]))
        whose = f"At {base.rates[-1]:g} requests a second one in a hundred takes more than {seconds(base.slow[-1])}"
        text = f"{whose} with {base.label}"
        return text if best is base else f"{text}, {seconds(best.slow[-1])} with {best.label}"

    def rows(self) -> list[tuple[Any, ...]]:
        """A row per point."""
        return [
            (one.label, *found[:4], *(found[4] or (None, None)), found[5])
            for one in self.curves
            for found in zip(one.rates, one.cells, one.half, one.slow, one.intervals, one.failed, strict=True)
        ]

    def draw(self, figure: Figure) -> None:
        """Latency above, failed requests below, where there were any."""
        any_failed = any(share > 0 for one in self.curves for share in one.failed)
        axes = figure.subplots(
            1 + any_failed, 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": [3, 1][: 1 + any_failed]}
        )[:, 0]
        for one in self.curves:
            colour = self.looks[one.cells[0]].colour
            whiskers(axes[0], one.rates, one.intervals, colour)
            axes[0].plot(one.rates, one.slow, marker="o", ms=5, color=colour, label=one.label, zorder=3)
            axes[0].plot(one.rates, one.half, marker="o", ms=2.5, lw=1, ls=":", color=colour, zorder=2)
            if any_failed:
                axes[1].plot(one.rates, [100 * share for share in one.failed], marker="o", ms=4, color=colour)
        axes[0].set_yscale("log")
        log_seconds(axes[0].yaxis)
        axes[0].set_ylabel("latency, s (log); dotted: median")
        # Beside the axes: within them it would cover one curve or another.
        axes[0].legend(title="99th percentile", loc="upper left", bbox_to_anchor=(1.01, 1.0))
        if any_failed:
            axes[1].set_ylabel("failed, %")
            axes[1].set_ylim(bottom=0)
        ticks = sorted({rate for one in self.curves for rate in one.rates})
        axes[-1].set_xticks(ticks, [f"{rate:g}" for rate in ticks])
        axes[-1].set_xlabel("requests a second that come, whatever becomes of those before them")


def _curve(label: str, cells: list[dict[str, Any]]) -> _Curve:
    ordered = sorted(cells, key=lambda cell: float(cell["axes"]["rate"]))
    return _Curve(
        label,
        [cell["cell"] for cell in ordered],
        [float(cell["axes"]["rate"]) for cell in ordered],
        [cell["latency_s"]["p50"] for cell in ordered],
        [cell["latency_s"]["p99"] for cell in ordered],
        [cell["latency_s"]["ci95"].get("p99") for cell in ordered],
        [cell["failed"] / cell["requests"] for cell in ordered],
    )

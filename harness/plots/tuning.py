"""What a recording argues for: makespan and load against the timeout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from harness.plots.base import log_seconds
from harness.plots.looks import PALETTE, REFERENCE_COLOUR

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Expected(NamedTuple):
    """A setting with what is expected of it; seconds, attempts per request, and their intervals."""

    timeout_s: float
    makespan_s: float
    makespan_ci95: tuple[float, float]
    load: float
    load_ci95: tuple[float, float]


class TuningCurve:
    """Two panels over one axis of timeouts; the choice is marked, and a hedge is a line of its own."""

    name: ClassVar[str] = "tune"
    size: ClassVar[tuple[float, float]] = (8.0, 5.6)

    def __init__(
        self, curve: Sequence[Expected], chosen: Expected | None, hedge_s: float | None, *, title: str, batch_size: int
    ) -> None:
        self.curve, self.chosen, self.hedge_s = curve, chosen, hedge_s
        self.title, self.batch_size = title, batch_size

    def draw(self, figure: Figure) -> None:
        """Bands are 95 % intervals."""
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
        x = [point.timeout_s for point in self.curve]
        for ax, means, intervals in (
            (upper, [p.makespan_s for p in self.curve], [p.makespan_ci95 for p in self.curve]),
            (lower, [p.load for p in self.curve], [p.load_ci95 for p in self.curve]),
        ):
            low, high = zip(*intervals, strict=True)
            ax.fill_between(x, low, high, color=PALETTE[0], alpha=0.2, lw=0)
            ax.plot(x, means, color=PALETTE[0], lw=1.8)
            ax.set_yscale("log")
            log_seconds(ax.yaxis)
        if self.hedge_s is not None:
            upper.axhline(self.hedge_s, color=PALETTE[2], lw=1.4, ls="--")
            upper.annotate(
                "best hedge within the budget", (1, self.hedge_s), xycoords=("axes fraction", "data"),
                xytext=(-4, 4), textcoords="offset points", ha="right", fontsize=8.5, color=PALETTE[2],
            )  # fmt: skip
        if self.chosen is not None:
            for ax, value in ((upper, self.chosen.makespan_s), (lower, self.chosen.load)):
                ax.axvline(self.chosen.timeout_s, color=REFERENCE_COLOUR, lw=1, ls=":")
                ax.scatter([self.chosen.timeout_s], [value], s=55, color=PALETTE[1], edgecolor="white", zorder=4)
            upper.annotate(
                f"{self.chosen.timeout_s:g} s", (self.chosen.timeout_s, self.chosen.makespan_s),
                xytext=(8, -12), textcoords="offset points", fontsize=9, color=PALETTE[1],
            )  # fmt: skip
        lower.set_xscale("log")
        log_seconds(lower.xaxis)
        upper.set_ylabel(f"batch of {self.batch_size}, s (log)")
        lower.set_ylabel("attempts per\nrequest (log)")
        lower.set_xlabel("restart after, s (log); bands: 95 % interval")

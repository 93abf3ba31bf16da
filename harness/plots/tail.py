"""How many requests are slower than a time: distributions with their tails in sight."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from harness.plots.base import Chart, Data, log_seconds, seconds

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_CELLS = 8
#: One in so many requests, and the quantile that says how slow it is.
_RARE = ((1000, "p999"), (100, "p99"), (10, "p90"))
#: Share by which a median time to first content is below that of the answer where the two are worth telling apart.
_APART = 0.05
#: Share of failed requests up to which that is a fact about answers.
_FEW_FAIL = 0.01


class _Tail(Chart):
    """Share of requests slower than t against t, both logarithmic."""

    quantity: ClassVar[str]
    verb: ClassVar[str]
    worst: ClassVar[str]
    label: ClassVar[str]

    def prepare(self, data: Data) -> None:
        """For each cell, times and the share of requests that took longer."""
        found = data.quantiles[data.quantiles["quantity"] == self.quantity]
        self.curves: dict[str, tuple[list[float], list[float]]] = {}
        for cell in data.cells:
            rows = found[found["cell"] == cell["cell"]]
            # A tail beyond one request in all would be drawn from nothing.
            rows = rows[(1 - rows["probability"]) * cell["requests"] >= 1]
            self.curves[cell["cell"]] = (rows["seconds"].tolist(), (1 - rows["probability"]).tolist())
        named = [cell for cell in data.cells if cell["cell"] in data.comparable]
        fewest = min(cell["requests"] for cell in named)
        # Of what is rarer than one request nothing is known.
        self.rare, quantile = next((one for one in _RARE if fewest >= one[0]), (0, "max"))
        known = {cell["cell"]: cell[self.quantity][quantile] for cell in named}
        self.slow = {name: value for name, value in known.items() if value is not None}
        self.reference = data.summary["reference"]
        self.looks = data.looks
        self.but_fails = data.but_fails

    @property
    def title(self) -> str:
        """The slowest of the reference and of the quickest cell, as rare as there are requests to know it."""
        best = min(self.slow, key=lambda name: self.slow[name])
        base = self.reference if self.reference in self.slow else best
        whose = f"1 request in {self.rare:,} {self.verb}" if self.rare else f"The slowest request {self.worst}"
        text = f"{whose} {seconds(self.slow[base])} with {base}"
        return text if best == base else f"{text}, {seconds(self.slow[best])} with {best}{self.but_fails(best)}"

    def rows(self) -> list[tuple[Any, ...]]:
        """A row per step of each line."""
        return [
            (name, time, round(share, 6))
            for name, (times, shares) in self.curves.items()
            for time, share in zip(times, shares, strict=True)
        ]

    def draw(self, figure: Figure) -> None:
        """One descending line per cell."""
        from matplotlib.ticker import FuncFormatter

        ax = figure.subplots()
        for name, (times, shares) in self.curves.items():
            # Curves coincide up to the first timeout: the wide grey one of the reference shows on both sides of others.
            width = 4.0 if name == self.reference else 1.6
            look = self.looks[name]
            ax.plot(times, shares, color=look.colour, ls=look.dashes, lw=width, label=name, drawstyle="steps-post")
        ax.set_xscale("log")
        ax.set_yscale("log")
        log_seconds(ax.xaxis)
        ax.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g} %"))
        ax.set_xlabel(self.label)
        ax.set_ylabel("requests slower than that (log)")
        # Beside the axes: within them it would cover one tail or another.
        ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0))


class LatencyTail(_Tail):
    """Until the whole answer is there."""

    name = "latency_tail"
    place = 2
    columns = ("cell", "latency_s", "share_slower")
    quantity, verb, worst = "latency_s", "takes longer than", "took"
    label = "latency of a request, retries included, s (log)"

    @classmethod
    def applies(cls, data: Data) -> bool:
        """For a few cells."""
        return len(data.cells) <= _MOST_CELLS


class TtftTail(_Tail):
    """Until the first content is there."""

    name = "ttft_tail"
    place = 2
    columns = ("cell", "ttft_s", "share_slower")
    quantity, verb, worst = "ttft_s", "waits for its first content for more than", "waited for its first content for"
    label = "time to first content of a request, retries included, s (log)"

    @classmethod
    def applies(cls, data: Data) -> bool:
        """For a few cells, where an answer takes longer than its first content does; a failure has no answer at all."""
        sound = [cell for cell in data.cells if cell["failed"] <= _FEW_FAIL * cell["requests"]]
        pairs = [(cell["ttft_s"]["p50"], cell["latency_s"]["p50"]) for cell in sound]
        apart = any(first is not None and first < (1 - _APART) * whole for first, whole in pairs)
        return len(data.cells) <= _MOST_CELLS and apart

"""The article's chart: how long each batch of one run took."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.analysis.judged import is_open
from harness.plots.base import Chart, Data, log_seconds, seconds

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_CELLS = 6
_MOST_BATCHES = 20


class BatchTimings(Chart):
    """Makespans of the batches of one trial, cell beside cell."""

    name = "batch_timings"
    place = 1
    columns = ("cell", "trial", "batch", "makespan_s")

    @classmethod
    def applies(cls, data: Data) -> bool:
        """For a few cells of a few batches each."""
        return (
            data.shown_trial in set(data.batches["trial"])
            and len(data.cells) <= _MOST_CELLS
            and data.batches["batch"].max() < _MOST_BATCHES
            and not any(map(is_open, data.cells))
        )

    def prepare(self, data: Data) -> None:
        """Makespans by batch for each cell; a cell that lacks a batch has none for it."""
        shown = data.batches[data.batches["trial"] == data.shown_trial]
        self.makespans: dict[str, dict[int, float]] = {}
        for cell in data.cells:
            own = shown[shown["cell"] == cell["cell"]].sort_values("batch")
            if len(own):
                self.makespans[cell["cell"]] = dict(zip(own["batch"].tolist(), own["makespan_s"].tolist(), strict=True))
        self.reference = data.summary["reference"]
        self.looks = data.looks
        self.but_fails = data.but_fails
        self.seed, self.trial = data.shown_seed, data.shown_trial
        self.alone = data.batches["trial"].nunique() == 1
        self.comparable = data.comparable

    @property
    def title(self) -> str:
        """The slowest batch of the reference, and of the quickest cell."""
        worst = {name: max(values.values()) for name, values in self.makespans.items()}
        best = min((name for name in worst if name in self.comparable), key=lambda name: worst[name], default=None)
        where = "The" if self.alone else f"In trial {self.trial} the"
        text = f"{where} slowest batch took {seconds(worst.get(self.reference, max(worst.values())))}"
        if best is not None and best != self.reference and self.reference in worst:
            text += f" with {self.reference}, {seconds(worst[best])} with {best}{self.but_fails(best)}"
        return text

    def rows(self) -> list[tuple[Any, ...]]:
        """A row per bar."""
        return [
            (name, self.trial, batch, value)
            for name, values in self.makespans.items()
            for batch, value in values.items()
        ]

    def draw(self, figure: Figure) -> None:
        """Grouped bars on a logarithmic axis, so that 600 s and 10 s can both be read."""
        ax = figure.subplots()
        width = 0.82 / max(1, len(self.makespans))
        count = max(max(values) for values in self.makespans.values()) + 1
        for place, (name, values) in enumerate(self.makespans.items()):
            x = [batch + 1 + (place - (len(self.makespans) - 1) / 2) * width for batch in values]
            label = f"{name}: {seconds(sum(values.values()))} in all"
            ax.bar(x, list(values.values()), width * 0.92, color=self.looks[name].colour, label=label)
        ax.set_yscale("log")
        low = min(min(values.values()) for values in self.makespans.values())
        high = max(max(values.values()) for values in self.makespans.values())
        ax.set_ylim(low * 0.6 if low > 0 else None, high * 1.3 if high > 0 else None)
        log_seconds(ax.yaxis)
        ax.set_xticks(range(1, count + 1))
        ax.grid(axis="x", visible=False)
        ax.set_xlabel(f"batch (seed {self.seed})")
        ax.set_ylabel("time until the last answer, s (log)")
        figure.legend(loc="outside lower center", ncols=min(3, len(self.makespans)))

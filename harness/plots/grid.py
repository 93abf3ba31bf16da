"""Totals over two axes at once, as a table of colours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.analysis.judged import judged
from harness.plots.base import Chart, Data, log_seconds, seconds

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Grid(Chart):
    """Mean totals for timeout (down) by batch size (across), a panel for each kind of streaming."""

    name = "grid"
    place = 3
    columns = ("stream", "timeout", "batch_size", "cell", "total_s")

    @classmethod
    def applies(cls, data: Data) -> bool:
        """For a matrix of timeouts by batch sizes."""
        axes = set(data.axes_in_use())
        return {"timeout", "batch_size"} <= axes <= {"timeout", "batch_size", "stream"}

    def prepare(self, data: Data) -> None:
        """One table of means per panel; None where there is no such cell."""
        cells = {
            (bool(c["strategy"]["stream"]), c["strategy"]["timeout"], c["batch_size"]): judged(c)["mean"]
            for c in data.cells
        }
        self.means = cells
        self.timeouts = sorted({key[1] for key in cells}, key=_order)
        self.sizes = sorted({key[2] for key in cells})
        self.panels: dict[str, list[list[float | None]]] = {
            f"stream={stream}": [[cells.get((stream, t, size)) for size in self.sizes] for t in self.timeouts]
            for stream in sorted({key[0] for key in cells})
        }
        self.names = {
            (bool(c["strategy"]["stream"]), c["strategy"]["timeout"], c["batch_size"]): c["cell"] for c in data.cells
        }
        self.best = min(((mean, key) for key, mean in cells.items()), key=lambda found: found[0])
        self.size = (8.0, 1.7 + 0.5 * len(self.timeouts))  # type: ignore[misc]  # as tall as this run has timeouts

    @property
    def title(self) -> str:
        """The best cell of the grid."""
        mean, (stream, timeout, size) = self.best
        return f"Shortest: {seconds(mean)} with timeout={_text(timeout)}, stream={stream}, batches of {size}"

    def rows(self) -> list[tuple[Any, ...]]:
        """A row per square, in the order of the axes."""
        ordered = sorted(self.means, key=lambda key: (key[0], _order(key[1]), key[2]))
        return [(key[0], _text(key[1]), key[2], self.names[key], self.means[key]) for key in ordered]

    def draw(self, figure: Figure) -> None:
        """A panel per kind of streaming; darker is slower, the scale is logarithmic and shared."""
        from matplotlib.colors import LogNorm

        values = [v for panel in self.panels.values() for row in panel for v in row if v]
        norm = LogNorm(min(values), max(values) * 1.0001)
        axes = figure.subplots(1, len(self.panels), sharey=True, squeeze=False)[0]
        for ax, (name, panel) in zip(axes, self.panels.items(), strict=True):
            table = [[float("nan") if v is None else v for v in row] for row in panel]
            image = ax.imshow(table, norm=norm, cmap="Blues", aspect="auto")
            for y, row in enumerate(panel):
                for x, value in enumerate(row):
                    if value is not None:
                        dark = norm(value) > 0.6
                        ax.text(x, y, f"{value:.0f}", ha="center", va="center", color="white" if dark else "#222222")
            ax.set_title(name)
            ax.set_xticks(range(len(self.sizes)), [str(size) for size in self.sizes])
            ax.set_yticks(range(len(self.timeouts)), [_text(timeout) for timeout in self.timeouts])
            ax.set_xlabel("batch size")
            ax.grid(visible=False)
        axes[0].set_ylabel("timeout, s")
        bar = figure.colorbar(image, ax=list(axes), label="mean total, s (log)", shrink=0.9)
        log_seconds(bar.ax.yaxis)


def _order(timeout: Any) -> float:
    return float("inf") if timeout == "off" else 600.0 if timeout is None else float(timeout)


def _text(timeout: Any) -> str:
    return "default" if timeout is None else "off" if timeout == "off" else f"{timeout:g}"

"""What each fault did to each strategy, as a table of colours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.analysis.effects import GRADES, brief, ranked, standings
from harness.plots.base import Chart, Data

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: From blue to orange, which every kind of colour vision tells apart; the letters of the worst are white.
_COLOURS = {
    "unharmed": "#EAF2F8",
    "slower": "#A9CCE3",
    "stuck": "#4A90C2",
    "fails": "#F6C28B",
    "hangs": "#D55E00",
    "wrong": "#111111",
}
_MEANING = {
    "unharmed": "all answered, in less than 1.5 times the time",
    "slower": "all answered, n times slower",
    "stuck": "more than 10 times slower",
    "fails": "n % of requests fail",
    "hangs": "n % fail, some never end",
    "wrong": "part of an answer passes for the whole",
}
_WHITE = {"stuck", "hangs", "wrong"}


class FaultMatrix(Chart):
    """Faults from top to bottom, strategies from left to right."""

    name = "fault_matrix"
    place = 0
    columns = ("fault", "strategy", "grade", "slowdown", "failed_share", "text", "cell")

    @classmethod
    def applies(cls, data: Data) -> bool:
        """Where faults are an axis, with `none` to compare with."""
        return bool(standings(data.summary["cells"]))

    def prepare(self, data: Data) -> None:
        """A grade and a number for each fault and strategy; None where there is no such cell."""
        self.found = standings(data.summary["cells"])
        self.faults = list(dict.fromkeys(fault for one in self.found for fault in one.effects))
        self.table = [[one.effects.get(fault) for one in self.found] for fault in self.faults]
        self.best = ranked(self.found)[0]
        self.size = (2.6 + 0.42 * len(self.found), 2.9 + 0.26 * len(self.faults))  # type: ignore[misc]  # as large as its table

    @property
    def title(self) -> str:
        """The strategy that gets through the most, and how quickly."""
        best, faults = self.best, len(self.faults)
        text = f"{best.name} answers every request under {best.answered} of {faults} faults"
        return f"{text}, {best.slowdown:.1f} times slower on average"

    def rows(self) -> list[tuple[Any, ...]]:
        """A row per square."""
        return [
            (fault, one.name, effect["grade"], effect["slowdown"], effect["failed"], brief(effect), one.cells[fault])
            for fault, effects in zip(self.faults, self.table, strict=True)
            for one, effect in zip(self.found, effects, strict=True)
            if effect is not None
        ]

    def draw(self, figure: Figure) -> None:
        """A coloured square with a number for each, and what the colours mean below."""
        from matplotlib.colors import ListedColormap
        from matplotlib.patches import Patch

        ax = figure.subplots()
        shades = [[float("nan") if e is None else GRADES.index(e["grade"]) for e in row] for row in self.table]
        colours = ListedColormap([_COLOURS[grade] for grade in GRADES])
        ax.imshow(shades, cmap=colours, vmin=-0.5, vmax=len(GRADES) - 0.5, aspect="auto")
        for y, row in enumerate(self.table):
            for x, effect in enumerate(row):
                if effect is not None:
                    white = effect["grade"] in _WHITE
                    ax.text(
                        x,
                        y,
                        brief(effect),
                        ha="center",
                        va="center",
                        fontsize=7,
                        color="white" if white else "#222222",
                    )
        ax.set_xticks(
            range(len(self.found)),
            [one.name for one in self.found],
            rotation=55,
            ha="left",
            rotation_mode="anchor",
            fontsize=8,
        )
        ax.xaxis.tick_top()
        ax.set_yticks(range(len(self.faults)), self.faults, fontsize=8)
        ax.set_xticks([x - 0.5 for x in range(1, len(self.found))], minor=True)
        ax.set_yticks([y - 0.5 for y in range(1, len(self.faults))], minor=True)
        ax.grid(visible=False)
        ax.grid(which="minor", color="white", lw=1.2)
        ax.tick_params(which="both", length=0)
        for spine in ax.spines.values():
            spine.set_visible(False)
        seen = {effect["grade"] for row in self.table for effect in row if effect is not None}
        handles = [Patch(facecolor=_COLOURS[g], edgecolor="#999999", label=_MEANING[g]) for g in GRADES if g in seen]
        figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=8, frameon=False)

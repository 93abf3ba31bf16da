"""One batch, request by request: what each attempt did, and whom the batch waited for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.analysis.judged import is_open, judged
from harness.plots.base import Chart, Data, log_seconds, seconds

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: What a part of an attempt is, and its colour: waiting by kind, what waits too long, and the answer as it comes.
PARTS = {
    "first": ("first attempt", "#5AA2CF"),
    "retry": ("retry", "#009E73"),
    "hedge": ("hedge", "#CC79A7"),
    "stall": ("silent too long", "#C96F00"),
    "answer": ("answer arriving", "#00528A"),
}
#: An attempt that is silent for more than this many times the median time to first content stalls.
STALL = 5.0
#: Beyond this ratio of the slowest to the median request, time is drawn on a logarithmic axis.
_LOG_FROM = 20.0
_LOST = "#B3261E"
_MOST_ROWS = 400
_KEYS = ["cell", "trial", "batch"]


@dataclass(frozen=True)
class Panel:
    """One batch of one cell: its requests in the order in which they ended, with parts and losses as of `parts_of`."""

    cell: str
    trial: int
    batch: int
    ends: pd.Series[float]
    parts: pd.DataFrame
    lost: pd.DataFrame

    @property
    def makespan_s(self) -> float:
        """Seconds until the last request ended."""
        return float(self.ends.max())

    @property
    def slowest_s(self) -> float:
        """Seconds from the first attempt of the slowest request to its end."""
        return float((self.ends - self.parts.groupby("request")["from_s"].min()).max())


class Timeline(Chart):
    """The same batch under the reference and under the quickest cell that answers as much: a bar per request."""

    name = "timeline"
    place = 6
    size = (8.0, 6.6)
    columns = ("cell", "trial", "batch", "request", "attempt", "part", "from_s", "to_s")

    @classmethod
    def applies(cls, data: Data) -> bool:
        """Where the attempts of a batch are known that has room for its requests."""
        return bool(_pair(data))

    def prepare(self, data: Data) -> None:
        """A panel for the reference, or the first cell there is, and one for the quickest."""
        patience = patience_s(data)
        self.panels = [_panel(data.timelines, *key, patience=patience) for key in _pair(data)]
        self.open = all(map(is_open, data.cells))
        if len(self.panels) == 1:
            self.size = (8.0, 4.4)  # type: ignore[misc]  # as tall as its panels

    @property
    def title(self) -> str:
        """How soon most requests of the batch end, and how long it waits for the others."""
        first, *others = self.panels
        if self.open:
            slowest = (f"{seconds(one.slowest_s)} with {one.cell}" for one in self.panels)
            return f"Of {len(first.ends)} requests as they came the slowest took {', '.join(slowest)}"
        count = len(first.ends)
        most = math.ceil(0.9 * count)
        early = seconds(float(first.ends.iloc[most - 1]))
        text = f"Batch {first.batch + 1}: {most} of {count} requests end within {early}, all"
        return f"{text} within " + ", ".join(f"{seconds(one.makespan_s)} with {one.cell}" for one in (first, *others))

    def rows(self) -> list[tuple[Any, ...]]:
        """A row per stretch."""
        columns = ["request", "attempt", "part", "from_s", "to_s"]
        return [
            (one.cell, one.trial, one.batch, *row)
            for one in self.panels
            for row in one.parts[columns].itertuples(index=False, name=None)
        ]

    def draw(self, figure: Figure) -> None:
        """Panels over one axis of time; a cross ends an attempt whose answer was not taken."""
        from matplotlib.lines import Line2D
        from matplotlib.patches import Patch

        axes = figure.subplots(len(self.panels), 1, sharex=True, squeeze=False)[:, 0]
        ends = sorted(end for one in self.panels for end in one.ends)
        log = ends[-1] > _LOG_FROM * ends[len(ends) // 2] > 0
        start = min(float(one.parts["to_s"].min()) for one in self.panels) / 2 if log else 0.0
        for ax, one in zip(axes, self.panels, strict=True):
            _draw(ax, one, start)
            ax.set_title(one.cell if self.open else f"{one.cell}: {seconds(one.makespan_s)}")
        if log:
            axes[-1].set_xscale("log")
            log_seconds(axes[-1].xaxis)
        axes[-1].set_xlim(start, (ends[-1] or 1.0) * (1.15 if log else 1.02))
        began = "first request came" if self.open else "batch was released"
        axes[-1].set_xlabel(f"time since the {began}, s{' (log)' if log else ''}")
        seen = {part for one in self.panels for part in one.parts["part"]}
        handles: list[Any] = [
            Patch(facecolor=colour, label=text) for part, (text, colour) in PARTS.items() if part in seen
        ]
        if any(len(one.lost) for one in self.panels):
            handles.append(Line2D([], [], ls="", marker="x", color=_LOST, label="given up or failed"))
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=8.5)


def _draw(ax: Axes, one: Panel, start: float) -> None:
    place = {request: i for i, request in enumerate(one.ends.index)}
    seen = one.parts[one.parts["to_s"] > start]
    for part, (_, colour) in PARTS.items():
        drawn = seen[seen["part"] == part]
        left = drawn["from_s"].clip(lower=start)
        ax.barh(
            drawn["request"].map(place) + 0.25 * drawn["lane"],
            drawn["to_s"] - left,
            left=left,
            height=drawn["lane"].map({0: 0.85, 1: 0.4}),
            color=colour,
            lw=0,
        )
    ax.scatter(
        one.lost["end_s"],
        one.lost["request"].map(place) + 0.25 * one.lost["lane"],
        marker="x",
        s=14,
        lw=1.1,
        color=_LOST,
        zorder=3,
    )
    ax.set_ylabel(f"{len(one.ends)} requests,\nlast to end on top")
    ax.set_yticks([])
    ax.set_ylim(-0.8, len(one.ends) - 0.2)
    ax.grid(axis="y", visible=False)


def patience_s(data: Data) -> dict[str, float]:
    """How long an attempt of each cell may be silent before that is called a stall: STALL times its median TTFT.

    Seconds; infinity where nothing was ever heard.
    """
    medians = {cell["cell"]: cell["ttft_s"]["p50"] for cell in data.summary["cells"]}
    return {name: math.inf if median is None else STALL * median for name, median in medians.items()}


def parts_of(timelines: pd.DataFrame, patience: Mapping[str, float]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What attempts did, and which were lost.

    `patience` is how long one of each cell may be silent before that is a stall, in seconds. Parts have the columns
    cell, trial, batch, request, attempt, lane, part (of PARTS), from_s, to_s: waiting, waiting too long, the answer as
    it arrives, and silence after it; those without a length are left out. Lost attempts are the rows of `timelines`
    whose answer was not taken, with their lane: 1 runs beside an earlier attempt of its request, 0 does not.
    """
    import numpy as np
    import pandas as pd

    request = [*_KEYS, "request"]
    ordered = timelines.sort_values([*request, "attempt"], kind="stable", ignore_index=True)
    over = ordered.groupby(request)["end_s"].cummax()
    before = over.groupby([ordered[key] for key in request]).shift(fill_value=-np.inf)
    ordered = ordered.assign(lane=(ordered["send_s"] < before - 1e-9).astype(int))
    spoke = ordered["first_content_s"].fillna(ordered["end_s"])
    allowed = ordered["cell"].map(patience).astype(float)
    enough = np.minimum(spoke, ordered["send_s"] + allowed)
    said = ordered["last_content_s"].fillna(ordered["end_s"]).clip(lower=spoke)
    # A server that has said its last and does not close the stream is silent too long as well.
    said = said.where(ordered["end_s"] - said > allowed, ordered["end_s"])
    stretches = (
        (ordered["kind"], ordered["send_s"], enough),
        ("stall", enough, spoke),
        ("answer", spoke, said),
        ("stall", said, ordered["end_s"]),
    )
    found = pd.concat(
        ordered[[*request, "attempt", "lane"]].assign(part=part, from_s=start, to_s=end)
        for part, start, end in stretches
    )
    parts = found[found["to_s"] > found["from_s"]].sort_values([*request, "attempt", "from_s"], kind="stable")
    return parts.reset_index(drop=True), ordered[~ordered["won"].astype(bool)].reset_index(drop=True)


def _panel(timelines: pd.DataFrame, cell: str, trial: int, batch: int, *, patience: Mapping[str, float]) -> Panel:
    own = timelines[(timelines["cell"] == cell) & (timelines["trial"] == trial) & (timelines["batch"] == batch)]
    ends = own.groupby("request")["end_s"].max().sort_values(kind="stable")
    return Panel(cell, trial, batch, ends, *parts_of(own, patience))


def _pair(data: Data) -> list[tuple[str, int, int]]:
    """The slowest known batch of the reference, and the same batch of the quickest cell that answers as much."""
    known = data.timelines[data.timelines["trial"] == data.shown_trial]
    found = known.groupby(["cell", "batch"])
    sizes = found["request"].nunique()
    shown = sizes[(sizes > 1) & (sizes <= _MOST_ROWS) & (sizes == found["of"].first())]
    if not len(shown):
        return []
    with_batches = set(shown.index.get_level_values("cell"))
    reference = data.summary["reference"]
    first = reference if reference in with_batches else next(c["cell"] for c in data.cells if c["cell"] in with_batches)
    ends = known[known["cell"] == first].groupby("batch")["end_s"].max()
    batch = int(ends[[b for c, b in shown.index if c == first]].idxmax())
    pairs = [(first, data.shown_trial, batch)]
    others = [c for c in _sound(data.cells, first) if (c["cell"], batch) in shown.index]
    if others:
        best = min(others, key=lambda c: judged(c)["mean"])
        pairs.append((best["cell"], data.shown_trial, batch))
    return pairs


def _sound(cells: Sequence[dict[str, Any]], first: str) -> list[dict[str, Any]]:
    """The other cells behind the same server that do not fail more, and awaited as many requests together."""
    base = next((c for c in cells if c["cell"] == first), None)
    if base is None:
        return []
    return [
        c
        for c in cells
        if c is not base
        and c["profile"] == base["profile"]
        and c["axes"].get("rate") == base["axes"].get("rate")
        and c["batch_size"] == base["batch_size"]
        and c["failed"] / c["requests"] <= base["failed"] / base["requests"] + 0.001
    ]

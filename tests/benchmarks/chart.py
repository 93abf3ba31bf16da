"""docs/benchmarks.svg: the clients of the page side by side, drawn from results.json."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from tests.benchmarks.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PATH = Path(__file__).parents[2] / "docs" / "benchmarks.svg"
LOADS = (100, 1000)
_OURS, _OTHERS, _FLOOR = "#0072B2", "#D55E00", "#8C8C8C"
#: Errors below this stand at the left edge: a logarithmic axis has no zero.
_LEAST_MS = 0.1


class Clients:
    """Rates as bars beside the ideal, errors of the time to first content as lines from p50 to p99."""

    name: ClassVar[str] = "benchmarks"
    size: ClassVar[tuple[float, float]] = (9.0, 5.6)
    title = "Requests per second, and by how much the time to first content is read too high"

    def __init__(self, results: Results) -> None:
        found = {load: rows_of(results, load) for load in LOADS}
        self.loads = {load: rows for load, rows in found.items() if rows}

    def rows(self) -> list[list[Any]]:
        """What is drawn."""
        keys = ("client", "requests_per_s", "ttft_error_p50_ms", "ttft_error_p99_ms", "wire_error_p50_ms")
        keys += ("wire_error_p99_ms",)
        return [[load, *(row.get(key) for key in keys)] for load, rows in self.loads.items() for row in rows]

    def draw(self, figure: Figure) -> None:
        """A row of two pictures for each load."""
        for number, (load, rows) in enumerate(self.loads.items()):
            rates, errors = (figure.add_subplot(len(self.loads), 2, 2 * number + side) for side in (1, 2))
            clients = [row for row in rows if row["client"] != "ideal"]
            places = range(len(clients), 0, -1)
            _rates(rates, load, rows, clients, places)
            _errors(errors, clients, places)
            if number == 0:
                _explain(errors)


def _rates(axes: Axes, load: int, rows: list[Any], clients: list[Any], places: range) -> None:
    colours = [colour(row["client"]) for row in clients]
    rates = [row["requests_per_s"] for row in clients]
    ideal = next((row["requests_per_s"] for row in rows if row["client"] == "ideal"), 0.0)
    axes_end = 1.15 * max(ideal, *rates)
    axes.barh(places, rates, color=colours, height=0.6)
    for place, rate in zip(places, rates, strict=True):
        # Within its bar where there is room, so that it does not meet the dashed line.
        inside = rate > axes_end / 8
        style = {"ha": "right", "color": "white"} if inside else {"ha": "left"}
        axes.text(rate + axes_end / (-80 if inside else 80), place, f"{rate:,.0f}", va="center", fontsize=8, **style)
    axes.axvline(ideal, color="#333333", linewidth=1, linestyle="--")
    axes.set_xlim(0, axes_end)
    axes.set_ylim(0.3, len(clients) + 0.7)
    axes.set_title(f"{load:,} in flight: requests/s (dashed: ideal)")
    axes.set_yticks(list(places), [row["client"] for row in clients])
    axes.grid(visible=False, axis="y")


def _errors(axes: Axes, clients: list[Any], places: range) -> None:
    for place, row in zip(places, clients, strict=True):
        for kind, offset, marker in (("ttft", 0.0, "o"), ("wire", -0.25, "D")):
            ends = [row.get(f"{kind}_error_{share}_ms") for share in ("p50", "p99")]
            if None in ends:
                continue
            shown = [max(_LEAST_MS, end) for end in ends]
            axes.plot(shown, [place + offset] * 2, color=colour(row["client"]), linewidth=1.5, alpha=0.6)
            axes.scatter(shown, [place + offset] * 2, color=colour(row["client"]), marker=marker, s=18, zorder=3)
    axes.set_xscale("log")
    axes.set_xlim(_LEAST_MS, 100_000)
    axes.set_ylim(0.3, len(clients) + 0.7)
    axes.set_yticks(list(places), [""] * len(clients))
    axes.grid(visible=False, axis="y")
    axes.set_title("error of TTFT in ms, p50 to p99")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")


def _explain(axes: Axes) -> None:
    for marker, what in (("o", "as reported"), ("D", "on the wire")):
        axes.scatter([], [], color=_FLOOR, marker=marker, s=18, label=what)
    axes.legend(loc="upper right", fontsize=8)


def colour(client: str) -> str:
    """Ours, the SDK alone, others."""
    return _OURS if client.startswith("this harness") else _FLOOR if client.startswith("openai SDK") else _OTHERS


def rows_of(results: Results, load: int) -> list[Mapping[str, Any]]:
    """What was measured of a load."""
    rows = results["tables"].get(f"clients_{load}", {"rows": []})["rows"]
    return [row for row in rows if "left_out" not in row]


def digest(chart: Clients) -> str:
    """What the picture was drawn from, in a few letters; its bytes differ from one matplotlib to another."""
    return hashlib.sha256(json.dumps(chart.rows()).encode()).hexdigest()[:16]


def write(results: Results) -> None:
    """Draw the picture, and write into it what it was drawn from."""
    from harness.plots import save

    chart = Clients(results)
    if not chart.loads:
        return
    svg, png = save(chart, PATH.parent)
    png.unlink()
    svg.write_text(svg.read_text().replace("</svg>", f"<!-- rows {digest(chart)} -->\n</svg>"))


def drawn_from() -> str:
    """The digest in the committed picture."""
    return PATH.read_text().rpartition("<!-- rows ")[2].partition(" -->")[0]

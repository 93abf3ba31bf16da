"""The client's own time apart from the server's, where the transport told when a request was written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.analysis.columns import Names
from harness.analysis.tables import Tables

_SHARES = {"p50": 0.5, "p99": 0.99, "max": 1.0}
#: What is read of requests, and of attempts.
OF_REQUESTS = ("cell", "lag_s")
OF_ATTEMPTS = ("cell", "send_s", "admitted_s", "connected_s", "written_s", "first_content_s")
#: What is measured of them, each from one instant to another.
_SPANS = {
    "client_s": ("send_s", "written_s"),
    "pool_s": ("send_s", "admitted_s"),
    "connect_s": ("admitted_s", "connected_s"),
    "ttft_s": ("written_s", "first_content_s"),
}

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]


class Wire:
    """Times of the attempts that tell, and lateness of the loop, of tables that arrive some requests at a time."""

    def __init__(self) -> None:
        self._cells = Names()
        #: By cell and quantity, chunk by chunk, in seconds.
        self._parts: dict[int, dict[str, list[Floats]]] = {}

    def add(self, tables: Tables) -> None:
        """Take in the next requests."""
        attempts = tables.attempts
        instants = {name: np.asarray(attempts[name].to_numpy(), float) for name in OF_ATTEMPTS if name != "cell"}
        told = ~np.isnan(instants["written_s"])
        if not told.any():
            return
        spans = {name: instants[end] - instants[begin] for name, (begin, end) in _SPANS.items()}
        self._take(self._cells.coded(attempts["cell"]), told, spans)
        lag = np.asarray(tables.requests["lag_s"].to_numpy(), float)
        self._take(self._cells.coded(tables.requests["cell"]), ~np.isnan(lag), {"lag_s": lag})

    def _take(self, cells: Ints, told: npt.NDArray[np.bool_], quantities: Mapping[str, Floats]) -> None:
        for cell in np.unique(cells[told]):
            own, parts = told & (cells == cell), self._parts.setdefault(int(cell), {})
            for name, values in quantities.items():
                parts.setdefault(name, []).append(values[own & ~np.isnan(values)])

    def found(self) -> dict[str, dict[str, Any]]:
        """By cell: quantiles in seconds of what the attempts that tell spent, without cells of which none does.

        `client_s` is from an attempt's begin until its request was written, of which `pool_s` was spent waiting for the
        pool's turn and `connect_s` for a connection; `ttft_s` is from then to first content. `lag_s` is of requests:
        the most by which a timer of the event loop was late while each was under way.
        """
        return {
            name: {quantity: _spread(parts) for quantity, parts in self._parts[cell].items()}
            for name, cell in self._cells.items()
            if cell in self._parts
        }


def _spread(parts: list[Floats]) -> dict[str, float | None]:
    values = np.concatenate(parts)
    if not len(values):
        return dict.fromkeys(_SHARES)
    return {name: round(float(np.quantile(values, share)), 9) for name, share in _SHARES.items()}

"""The client's own time apart from the server's, where the transport told when a request was written."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from harness.analysis.columns import Names
from harness.analysis.tables import Tables

_SHARES = {"p50": 0.5, "p99": 0.99, "max": 1.0}
#: What is read of attempts.
OF_ATTEMPTS = ("cell", "send_s", "written_s", "first_content_s")

Floats = npt.NDArray[np.float64]


class Wire:
    """Times of the attempts that tell, of tables that arrive some requests at a time."""

    def __init__(self) -> None:
        self._cells = Names()
        #: By cell, and chunk by chunk: seconds in the client, and on the wire.
        self._client: dict[int, list[Floats]] = {}
        self._wire: dict[int, list[Floats]] = {}

    def add(self, tables: Tables) -> None:
        """Take in the next requests."""
        attempts = tables.attempts
        columns = [np.asarray(attempts[name].to_numpy(), float) for name in ("send_s", "written_s", "first_content_s")]
        send, written, content = columns
        told = ~np.isnan(written)
        if not told.any():
            return
        cells = self._cells.coded(attempts["cell"])
        for cell in np.unique(cells[told]):
            own = told & (cells == cell)
            heard = own & ~np.isnan(content)
            self._client.setdefault(int(cell), []).append((written - send)[own])
            self._wire.setdefault(int(cell), []).append((content - written)[heard])

    def found(self) -> dict[str, dict[str, Any]]:
        """By cell: quantiles in seconds of `client_s`, from an attempt's begin until its request was written, and of
        `ttft_s`, from then to first content; of all attempts that tell. Cells of which none does are left out.
        """
        return {
            name: {"client_s": _spread(self._client[cell]), "ttft_s": _spread(self._wire[cell])}
            for name, cell in self._cells.items()
            if cell in self._client
        }


def _spread(parts: list[Floats]) -> dict[str, float | None]:
    values = np.concatenate(parts)
    if not len(values):
        return dict.fromkeys(_SHARES)
    return {name: round(float(np.quantile(values, share)), 9) for name, share in _SHARES.items()}

"""The client's own time apart from the server's, where the transport told when a request was written."""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.analysis.tables import Tables

_SHARES = {"p50": 0.5, "p99": 0.99, "max": 1.0}


def wire(tables: Tables) -> dict[str, dict[str, Any]]:
    """By cell: quantiles in seconds of `client_s`, from an attempt's begin until its request was written, and of
    `ttft_s`, from then to first content; of all attempts that tell. Cells of which none does are left out.
    """
    attempts = tables.attempts
    columns = [np.asarray(attempts[name].to_numpy(), float) for name in ("send_s", "written_s", "first_content_s")]
    send, written, content = columns
    told = ~np.isnan(written)
    cells = attempts["cell"].combine_chunks().dictionary_encode()
    places = cells.indices.to_numpy()
    found = {}
    for place, name in enumerate(cells.dictionary.to_pylist()):
        own = told & (places == place)
        if own.any():
            heard = own & ~np.isnan(content)
            found[name] = {"client_s": _spread((written - send)[own]), "ttft_s": _spread((content - written)[heard])}
    return found


def _spread(values: np.ndarray[Any, Any]) -> dict[str, float | None]:
    if not len(values):
        return dict.fromkeys(_SHARES)
    return {name: round(float(np.quantile(values, share)), 9) for name, share in _SHARES.items()}

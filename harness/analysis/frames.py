"""A run folder as pandas frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.storage import BATCHES, QUANTILES, RunFolder

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Frames:
    """Tables of a finished run. `requests` and `attempts` are None for published results, which keep no records.

    Columns: `batches` cell, trial, batch, makespan_s, failed; `quantiles` cell, quantity, probability, seconds, empty
    for published results of very many cells.
    """

    batches: pd.DataFrame
    quantiles: pd.DataFrame
    requests: pd.DataFrame | None
    attempts: pd.DataFrame | None


def frames(folder: RunFolder) -> Frames:
    """Read the tables of a finished run."""
    import pandas as pd

    def parquet(name: str) -> pd.DataFrame | None:
        path = folder.path / f"{name}.parquet"
        return pd.read_parquet(path) if path.is_file() else None

    return Frames(
        batches=pd.read_csv(folder.path / BATCHES),
        quantiles=_quantiles(folder),
        requests=parquet("requests"),
        attempts=parquet("attempts"),
    )


def _quantiles(folder: RunFolder) -> pd.DataFrame:
    import pandas as pd

    path = folder.path / QUANTILES
    if path.is_file():
        return pd.read_csv(path)
    return pd.DataFrame(columns=pd.Index(["cell", "quantity", "probability", "seconds"]))

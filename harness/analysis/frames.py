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

    Columns: `batches` cell, trial, batch, makespan_s, failed; `quantiles` cell, quantity, probability, seconds.
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
        quantiles=pd.read_csv(folder.path / QUANTILES),
        requests=parquet("requests"),
        attempts=parquet("attempts"),
    )

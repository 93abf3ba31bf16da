"""A run folder as pandas frames."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from harness.storage import BATCHES, QUANTILES, RunFolder

if TYPE_CHECKING:
    import pandas as pd


class Frames:
    """Tables of a finished run, each read when it is first asked for."""

    def __init__(self, folder: RunFolder) -> None:
        self._path = folder.path

    @cached_property
    def batches(self) -> pd.DataFrame:
        """Columns cell, trial, batch, makespan_s, failed; no rows before a request is finished."""
        return self._csv(BATCHES, ("cell", "trial", "batch", "makespan_s", "failed"))

    @cached_property
    def quantiles(self) -> pd.DataFrame:
        """Columns cell, quantity, probability, seconds; no rows for published results of very many cells."""
        return self._csv(QUANTILES, ("cell", "quantity", "probability", "seconds"))

    @cached_property
    def requests(self) -> pd.DataFrame | None:
        """A row per request; None for published results, which keep no records."""
        return self._parquet("requests")

    @cached_property
    def attempts(self) -> pd.DataFrame | None:
        """A row per HTTP attempt; None for published results."""
        return self._parquet("attempts")

    def _csv(self, name: str, columns: tuple[str, ...]) -> pd.DataFrame:
        """A table, whose cells may be named like numbers or like nothing at all."""
        import pandas as pd

        path = self._path / name
        if path.is_file():
            return pd.read_csv(path, dtype={"cell": str}, keep_default_na=False, na_values={"seconds": [""]})
        return pd.DataFrame(columns=pd.Index(columns))

    def _parquet(self, name: str) -> pd.DataFrame | None:
        import pandas as pd

        path = self._path / f"{name}.parquet"
        return pd.read_parquet(path) if path.is_file() else None


def frames(folder: RunFolder) -> Frames:
    """The tables of a finished run."""
    return Frames(folder)

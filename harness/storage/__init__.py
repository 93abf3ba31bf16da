"""The run folder: append-only records while a run goes on, tables and a summary when it ends."""

from harness.storage.folder import (
    BATCHES,
    CONFIG,
    MANIFEST,
    PUBLISHED,
    QUANTILES,
    SUMMARY,
    TIMELINES,
    RunFolder,
)
from harness.storage.parts import RECORDS, Part, Parts

__all__ = [
    "BATCHES",
    "CONFIG",
    "MANIFEST",
    "PUBLISHED",
    "QUANTILES",
    "RECORDS",
    "SUMMARY",
    "TIMELINES",
    "Part",
    "Parts",
    "RunFolder",
]

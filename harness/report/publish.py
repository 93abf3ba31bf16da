"""Results to be committed: small files, and the timelines of a few batches in place of the records."""

from __future__ import annotations

from pathlib import Path

from harness.analysis import frames
from harness.analysis.timelines import timelines, worth_showing
from harness.report.published import most_alike
from harness.storage import TIMELINES, RunFolder

#: Attempts that are kept, a quarter of a megabyte, and requests of one batch: of larger ones the slowest.
MOST_ATTEMPTS, MOST_REQUESTS = 4_000, 300


def publish(folder: RunFolder, destination: Path) -> None:
    """Copy what is small and public of a finished run, with the attempts of as many batches as MOST_ATTEMPTS allow.

    Raises UserError when the run is not finished.
    """
    folder.publish(destination)
    summary, tables = folder.summary(), frames(folder)
    alike = most_alike(summary)
    trial = alike.trial if alike else 0
    wanted = worth_showing(
        tables.batches, summary, trial=trial, most_attempts=MOST_ATTEMPTS, most_requests=MOST_REQUESTS
    )
    kept = timelines(folder, wanted, MOST_REQUESTS)
    if len(kept):
        kept.to_csv(destination / TIMELINES, index=False, lineterminator="\n")

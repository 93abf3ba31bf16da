"""Measure everything and write the page of results.

    python -m tests.benchmarks                       # all of it, about twenty-five minutes on two idle cores
    python -m tests.benchmarks --only clients mock   # these parts; the others stay as they were measured before
    python -m tests.benchmarks --rounds 1            # quicker and less exact
    python -m tests.benchmarks --page                # nothing is measured, the page is written anew

Each part is a few files of this folder that pytest runs. Its figures go into results.json as soon as it is done, so a
run that is broken off goes on with `--only` and what is missing. Of a part that fails, what was measured is taken, and
the exit code is 1.
"""

from __future__ import annotations

import argparse
import sys
import time

from tests.benchmarks import chart, page, results
from tests.benchmarks.collect import PARTS, PartError, measure, parts


def main(words: list[str] | None = None) -> int:
    """Measure what is asked for, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="+", metavar="PART", help=f"of {', '.join(PARTS)}; clients is all of them")
    parser.add_argument("--rounds", type=int, metavar="N", help="measure nothing more often than this")
    parser.add_argument("--smoke", action="store_true", help="tiny loads, nothing installed: only to see that it works")
    parser.add_argument("--page", action="store_true", help="only write the page from results.json")
    asked = parser.parse_args(words)
    try:
        chosen = parts(asked.only or tuple(PARTS))
    except ValueError as unknown:
        parser.error(str(unknown))
    failed = []
    for part in () if asked.page else chosen:
        begun = time.monotonic()
        try:
            tables = measure(part, rounds=asked.rounds, smoke=asked.smoke)
        except PartError as failure:
            failed.append(f"{part}: {failure}")
            tables = failure.tables
        if asked.smoke:
            print(f"{part}: {', '.join(tables)}, not kept")
            continue
        results.add(tables)
        print(f"{part}: {time.monotonic() - begun:.0f} s", file=sys.stderr)
    if not asked.smoke:
        found = results.load()
        page.write(found)
        chart.write(found)
    for line in failed:
        print(f"error: {line}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

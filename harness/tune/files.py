"""What `harness tune` leaves: the advice as JSON, the curve as CSV and as a chart, and the strategies, ready to run."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import yaml

from harness.errors import UserError
from harness.plots import save
from harness.plots.tuning import Expected, TuningCurve
from harness.tune.advice import Advice
from harness.tune.curves import Point


def write_advice(advice: Advice, out: Path) -> list[Path]:
    """Write all of it into a folder; returns the files. Raises UserError when the folder cannot be written."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        found = [out / "tune.json", out / "curve.csv"]
        found[0].write_text(json.dumps(advice.to_dict(), indent=1, sort_keys=True) + "\n", encoding="utf-8")
        _write_csv(found[1], [*advice.curve, *advice.hedges])
        for choice in (advice.restart, advice.hedge):
            if choice is not None:
                path = out / f"{choice.strategy['name']}.yaml"
                head = f"# From {len(advice.recording)} recorded attempts; copy it to ./conf/strategy/.\n"
                path.write_text(head + yaml.safe_dump(choice.strategy, sort_keys=False), encoding="utf-8")
                found.append(path)
        return [*found, *save(_chart(advice), out)]
    except OSError as error:
        raise UserError(f"cannot write to {out} ({error.strerror}); choose another --out") from None


def _write_csv(path: Path, points: Sequence[Point]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(
            ["timeout_s", "delay_s", "makespan_s", "makespan_low", "makespan_high", "load", "load_low", "load_high"]
        )
        for p in points:
            delay = "" if p.delay_s is None else p.delay_s
            row = [p.makespan_s, *p.makespan_ci95, p.load, *p.load_ci95]
            writer.writerow([p.timeout_s, delay, *(round(value, 6) for value in row)])


def _chart(advice: Advice) -> TuningCurve:
    chosen, hedge = advice.restart, advice.hedge
    if chosen is None:
        title = f"Nothing tried keeps to {advice.most_load:g} attempts per request"
    else:
        point, waiting = chosen.point, advice.waiting
        title = (
            f"Restart after {point.timeout_s:g} s: {advice.batch_size} requests are answered in "
            f"{point.makespan_s:.1f} s instead of {waiting.makespan_s:.0f} s"
        )
    return TuningCurve(
        [_expected(point) for point in advice.curve],
        None if chosen is None else _expected(chosen.point),
        None if hedge is None else hedge.point.makespan_s,
        title=title,
        batch_size=advice.batch_size,
    )


def _expected(point: Point) -> Expected:
    return Expected(point.timeout_s, point.makespan_s, point.makespan_ci95, point.load, point.load_ci95)

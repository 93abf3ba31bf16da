"""What a terminal shows of an advice: a sentence, a table, and how far to trust it."""

from __future__ import annotations

from harness.report.words import interval, number, plain
from harness.tune.advice import WORKLOAD, Advice, Choice
from harness.tune.curves import Point

#: Lines of the curve that are shown.
_ROWS = 12


def advice_text(advice: Advice) -> str:
    """All of it, but for the curve's points in between."""
    best = advice.best
    lines = [_sentence(advice, best), ""]
    rows: list[tuple[str, ...]] = [("", "batch, s", "95 % interval", "attempts per request", "95 % interval")]
    step = max(1, len(advice.curve) // _ROWS)
    rows += [(f"restart after {point.timeout_s:g} s", *_figures(point)) for point in advice.curve[::step]]
    for name, choice in (("best restart", advice.restart), ("best hedge", advice.hedge)):
        if choice is not None:
            rows.append((f"{name}: {_short(choice.point)}", *_figures(choice.point)))
    lines += plain(rows)
    if best is not None:
        lines += [
            "",
            f"Whole answers with it: {number(advice.batch_s, 1)} s for a batch; {WORKLOAD} requests take "
            f"{number(advice.gather_s, 1)} s in batches of {advice.batch_size}, {number(advice.window_s, 1)} s with "
            f"{advice.batch_size} in flight (dispatch: window).",
        ]
    lines += ["", *_trust(advice)]
    return "\n".join(lines)


def _sentence(advice: Advice, best: Choice | None) -> str:
    if best is None:
        return (
            f"Nothing tried keeps to {advice.most_load:g} attempts per request; allow more with --load, or take the "
            "curve as it is."
        )
    point, waiting = best.point, advice.waiting
    return (
        f"{best.words[0].upper()}{best.words[1:]}: all {advice.batch_size} of a batch are answered after "
        f"{point.makespan_s:.1f} s "
        f"{interval(point.makespan_ci95, 1)} instead of {waiting.makespan_s:.1f} s "
        f"{interval(waiting.makespan_ci95, 1)} with {waiting.timeout_s:g} s of patience, for {point.load:.3f} "
        f"attempts per request {interval(point.load_ci95, 3)}."
    )


def _trust(advice: Advice) -> list[str]:
    found = advice.evidence
    rest = advice.recording.rest_s
    lines = [
        "answered: with a first content"
        + ("" if not rest or rest < 0.001 else f"; the rest of an answer takes {rest:.3g} s more (median)"),
        f"from {found.attempts} attempts of {advice.recording.source}; nothing is known beyond "
        f"{advice.recording.limit_s:g} s",
        f"{found.stalls} of them took longer than {found.stall_s:.3g} s; up to {found.most_stalls:.2%} may (95 %)",
    ]
    lines += [check.text for check in found.checks if not check.follows]
    return lines + [f"note: {doubt}" for doubt in advice.doubts]


def _figures(point: Point) -> tuple[str, ...]:
    return (
        number(point.makespan_s, 2),
        interval(point.makespan_ci95, 2),
        number(point.load, 3),
        interval(point.load_ci95, 3),
    )


def _short(point: Point) -> str:
    return f"{point.timeout_s:g} s" if point.delay_s is None else f"copy {point.delay_s:g} s, cut {point.timeout_s:g} s"

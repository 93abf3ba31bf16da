"""What a run says, in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.analysis.effects import Standing, ranked, standings
from harness.analysis.statistics import FEWEST_FOR_RATIO, mean
from harness.report.published import PUBLISHED_TOTALS, SOURCE, most_alike
from harness.report.tables import interval, number

#: A batch that takes longer than this had a request that was never answered, and waited for the SDK's 600 s.
NEVER_ANSWERED_S = 590.0


def verdict(summary: Mapping[str, Any]) -> str:
    """The answer in one sentence: which cell is how much faster, with its interval, and whether that is significant.

    Where faults are an axis: which settings got through how many of them.
    """
    found = standings(summary["cells"])
    if len(found) > 1:
        return _standing(found)
    reference = summary["reference"]
    cells = [cell for cell in summary["cells"] if cell["total_s"]["mean"] is not None]
    if not cells:
        return "No cell has a trial with all of its requests, so there is no total to compare."
    others = [cell for cell in cells if cell["cell"] != reference and cell["speedup"]["mean"] is not None]
    if not others:
        only = cells[0]
        return f"{only['cell']}: {number(only['total_s']['mean'], 1)} s on average over {_trials(only)}."
    if len(others) <= 3:
        shown = sorted(others, key=lambda cell: -cell["speedup"]["mean"])
    else:
        shown = [max(others, key=lambda cell: cell["speedup"]["mean"])]
    base = next((_failure_rate(cell) for cell in cells if cell["cell"] == reference), 0.0)
    sentence = "; ".join(
        _compared(cell, reference if i == 0 else None) + _failures(cell, base) for i, cell in enumerate(shown)
    )
    certainty = _certainty(shown)
    ending = f"{', ' if certainty else ' '}{certainty}over {_trials(shown[0])}."
    if shown[0]["trials"] == 1:
        ending += " One trial proves little: a handful of stuck requests decides it."
    return sentence + ending


def _certainty(shown: Sequence[Mapping[str, Any]]) -> str:
    """Whether all that is said may be believed; what may not has said so itself."""
    if not all(cell["speedup"]["significant"] for cell in shown):
        return ""
    return "a significant difference " if len(shown) == 1 else "all differences significant "


def _standing(found: Sequence[Standing]) -> str:
    order = ranked(found)
    best, worst, faults = order[0], order[-1], len(found[0].effects)
    wrong = sum(one.count("wrong") for one in found)
    return (
        f"{best.name} answers every request under {best.answered} of {faults} faults, {best.slowdown:.1f} times slower "
        f"than without any (geometric mean); {worst.name} under {worst.answered}, {worst.slowdown:.1f} times slower. "
        + (f"In {wrong} cells part of an answer passes for the whole." if wrong else "No part passes for the whole.")
    )


def _failure_rate(cell: Mapping[str, Any]) -> float:
    return float(cell["failed"] / cell["requests"])


def _failures(cell: Mapping[str, Any], base: float) -> str:
    """A warning that belongs into the sentence: whoever gives up is soon done."""
    rate = _failure_rate(cell)
    return f", but {rate:.1%} of its requests fail ({base:.1%} of the reference's)" if rate > base + 0.001 else ""


def _trials(cell: Mapping[str, Any]) -> str:
    return f"{cell['trials']} trial{'s' * (cell['trials'] != 1)}"


def _compared(cell: Mapping[str, Any], reference: str | None) -> str:
    speedup = cell["speedup"]
    factor = speedup["mean"]
    size = f"{max(factor, 1 / factor):.1f}x"
    change = "about as fast" if size == "1.0x" else f"{size} {'faster' if factor >= 1 else 'slower'}"
    text = f"{cell['cell']} is {change}"
    if reference is not None:
        text += f" as {reference}" if size == "1.0x" else f" than {reference}"
    if speedup["ci95"] is None:
        # That one trial proves little is said at the end of the sentence.
        reason = speedup.get("why_not") if cell["trials"] >= FEWEST_FOR_RATIO else None
        return f"{text} (no interval: {reason})" if reason else text
    low, high = speedup["ci95"] if factor >= 1 else [1 / speedup["ci95"][1], 1 / speedup["ci95"][0]]
    return f"{text} {interval([low, high], 1)}" + ("" if speedup["significant"] else ", which is not significant")


def spread_of_one_run(summary: Mapping[str, Any], batches: Any) -> list[str]:
    """How much a single run of the reference varies, and the run most like the published one, in sentences."""
    reference = next((cell for cell in summary["cells"] if cell["cell"] == summary["reference"]), None)
    if reference is None or len(reference["total_s"]["per_trial"]) < 2:
        return []
    totals = sorted(reference["total_s"]["per_trial"])
    n = len(totals)
    middle = [totals[round((n - 1) * share)] for share in (0.25, 0.5, 0.75)]
    lines = [
        f"Single runs of {reference['cell']} took from {totals[0]:.0f} to {totals[-1]:.0f} s: half of them between "
        f"{middle[0]:.0f} and {middle[2]:.0f} s, the median {middle[1]:.0f} s, the mean {mean(totals):.0f} s."
    ]
    own = batches[batches["cell"] == reference["cell"]]
    slowest = own.groupby("trial")["makespan_s"].max()
    if reference["strategy"]["timeout"] is None and summary["time_scale"] == 1:
        calm = float((slowest < NEVER_ANSWERED_S).mean())
        if calm < 1:
            lines.append(
                f"In {calm:.0%} of runs no batch waited for the SDK's default timeout of 600 s; how many did decides "
                "the total, so the baseline of one run proves little."
            )
    alike = most_alike(summary)
    if alike is not None:
        published = PUBLISHED_TOTALS[summary["experiment"]]
        ours = ", ".join(f"{name} {total:.0f} s" for name, total in alike.totals.items())
        theirs = ", ".join(f"{total:.0f}" for total in published.values())
        lines.append(
            f"A run like the published one is seed {alike.seed}: {ours} (published: {theirs} s; {SOURCE}). It is one "
            f"realisation out of {n}, chosen because it is the most alike."
        )
    return lines


def published_rows(summary: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The published totals beside ours: mean, difference, and where the published value lies among single trials."""
    published = PUBLISHED_TOTALS.get(summary["experiment"], {})
    rows = []
    for cell in summary["cells"]:
        if cell["cell"] in published and cell["total_s"]["per_trial"]:
            value, totals = published[cell["cell"]], cell["total_s"]["per_trial"]
            below = sum(total <= value for total in totals) / len(totals)
            ours = cell["total_s"]["mean"]
            spread = f"{min(totals):.0f} to {max(totals):.0f}"
            rows.append(
                (cell["cell"], f"{value:.0f}", f"{ours:.1f}", f"{ours / value - 1:+.1%}", spread, f"{below:.0%}")
            )
    header = (
        "cell",
        "published, s",
        "our mean, s",
        "difference",
        "our single trials, s",
        "of them below the published",
    )
    return [header, *rows] if rows else []

"""What a run says, in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from harness.analysis.effects import Standing, ranked, standings
from harness.analysis.judged import is_open
from harness.analysis.statistics import FEWEST_FOR_RATIO, mean
from harness.plots.base import seconds
from harness.report.open_loop import what_users_see
from harness.report.published import SOURCE, most_alike, published_totals
from harness.report.words import interval

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
    if any(map(is_open, cells)):
        return what_users_see(cells)
    if not cells:
        return "No cell has a trial with all of its requests, so there is no total to compare."
    # A cell that is the reference of its own server is compared with nothing.
    bases = {reference, *(cell["cell"] for cell in cells if cell["speedup"].get("reference") == cell["cell"])}
    others = [cell for cell in cells if cell["cell"] not in bases and cell["speedup"]["mean"] is not None]
    if not others:
        alone = (
            f"{only['cell']}: {seconds(only['total_s']['mean'])} on average over {_trials(only)}{_fails(only)}"
            for only in cells
        )
        more = f"; {len(cells) - 3} more cells" if len(cells) > 3 else ""
        return f"{'; '.join(islice(alone, 3))}{more}."
    if len(others) <= 3:
        shown = sorted(others, key=lambda cell: -cell["speedup"]["mean"])
    else:
        shown = [max(others, key=lambda cell: cell["speedup"]["mean"])]
    base = next((_failure_rate(cell) for cell in cells if cell["cell"] == reference), 0.0)
    sentence = "; ".join(
        _compared(cell, _base(cell, reference) if i == 0 else None) + _failures(cell, base)
        for i, cell in enumerate(shown)
    )
    certainty = _certainty(shown)
    common = min(_common_trials(cell, cells, reference) for cell in shown)
    ending = f"{', ' if certainty else ' '}{certainty}over {common} trial{'s' * (common != 1)}."
    if common == 1:
        ending += " One trial proves little: a handful of stuck requests decides it."
    return sentence + ending


def _base(cell: Mapping[str, Any], reference: str) -> str:
    """The cell that one is compared with: behind its own server, with the settings of the run's reference."""
    return str(cell["speedup"].get("reference") or reference)


def _common_trials(cell: Mapping[str, Any], cells: Sequence[Mapping[str, Any]], reference: str) -> int:
    """How many trials a cell and what it is compared with both have whole."""
    base = next((other for other in cells if other["cell"] == _base(cell, reference)), cell)
    return len(set(cell["seeds"]) & set(base["seeds"]))


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


def _fails(cell: Mapping[str, Any]) -> str:
    return f", and {_failure_rate(cell):.1%} of its requests fail" if cell["failed"] else ""


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
    if reference is None or is_open(reference) or len(reference["total_s"]["per_trial"]) < 2:
        return []
    totals = sorted(reference["total_s"]["per_trial"])
    n = len(totals)
    middle = [totals[round((n - 1) * share)] for share in (0.25, 0.5, 0.75)]
    lines = [
        f"Single runs of {reference['cell']} took from {seconds(totals[0])} to {seconds(totals[-1])}: half of them "
        f"between {seconds(middle[0])} and {seconds(middle[2])}, the median {seconds(middle[1])}, the mean "
        f"{seconds(mean(totals))}."
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
        published = published_totals(summary)
        ours = ", ".join(f"{name} {total:.0f} s" for name, total in alike.totals.items())
        theirs = ", ".join(f"{total:.0f}" for total in published.values())
        lines.append(
            f"A run like the published one is seed {alike.seed}: {ours} (published: {theirs} s; {SOURCE}). It is one "
            f"realisation out of {n}, chosen because it is the most alike."
        )
    return lines


def published_rows(summary: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The published totals beside ours: mean, difference, and where the published value lies among single trials."""
    published = published_totals(summary)
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

"""What to be careful about, as data: each warning has a code, what was found, and what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.analysis.judged import judged, quantity
from harness.analysis.silent import answered_none, commonest
from harness.analysis.statistics import FEWEST_FOR_RATIO

FEW_TRIALS = 10
DOMINANT_SHARE = 0.5
#: Of the slowest hundredth of the requests in all request time.
OMISSION_SHARE = 0.2
#: Of the client's own time in the time to first content, for one attempt in a hundred.
OWN_SHARE = 0.1
#: Of the requests that a window says are in flight at once.
WINDOW_SHARE = 0.9

Warning_ = dict[str, str]


def warnings(
    cells: Sequence[Mapping[str, Any]],
    incomplete: Mapping[str, int],
    *,
    server_timing: Mapping[str, Any] | None = None,
    client_timing: Mapping[str, Any] | None = None,
    held_up: Mapping[str, float] | None = None,
    precision: Mapping[str, Any] | None = None,
    replaced: Mapping[str, int] | None = None,
    said: Mapping[str, str] | None = None,
) -> list[Warning_]:
    """Warnings about a summary's cells.

    `incomplete` counts trials that a cell lost, timings are in seconds, and `held_up` is the share of all request time
    that the slowest hundredth took, for cells whose server does not answer alike at all times. `precision` says how far
    `trials: auto` came, `replaced` counts processes that died while they played a cell in real time, and `said` has the
    error of a request of each cell that answered none.
    """
    return [
        *_nothing_answered(cells, said or {}),
        *_few_trials(cells),
        *_dominated(cells),
        *_failures_differ(cells),
        *_incomplete(incomplete),
        *_replaced(replaced or {}),
        *_late("server_late", "the mock itself was late: one event", server_timing),
        *_late("client_late", "the client's event loop was late: one timer", client_timing),
        *_own_time(cells),
        *_not_reached(cells),
        *_omitted(held_up or {}),
        *_imprecise(precision),
    ]


def _nothing_answered(cells: Sequence[Mapping[str, Any]], said: Mapping[str, str]) -> list[Warning_]:
    """Where every request of a cell failed, what most of them failed with."""
    silent = [cell for cell in cells if answered_none(cell)]
    if not silent:
        return []
    worst = max(silent, key=lambda cell: cell["failed"])
    failure = commonest(worst)
    every = f"every request of {worst['cell']}" if len(cells) > 1 else "every request"
    others = f", as in {len(silent) - 1} other cell{'s' * (len(silent) > 2)}" if len(silent) > 1 else ""
    text = f"{every} failed{others}, most with: {failure} ({worst['failures'][failure]:,} of {worst['failed']:,})"
    if worst["cell"] in said:
        text += f"; one said: {said[worst['cell']]}"
    advice = "more trials will not mend that: look at the target, its address and the model, or at the fault"
    return [{"code": "nothing_answered", "message": text, "advice": advice}]


def _replaced(replaced: Mapping[str, int]) -> list[Warning_]:
    """Whose totals hold time in which a process was dead."""
    if not replaced:
        return []
    where = max(replaced, key=lambda name: replaced[name]) + " and other cells" * (len(replaced) > 1)
    died = sum(replaced.values())
    text = f"{died} process{'es' * (died != 1)} that played {where} died and had to be replaced"
    advice = "what they lost was played again, later, and is in the totals: play the run anew, with another out="
    return [{"code": "worker_replaced", "message": text, "advice": advice}]


def _few_trials(cells: Sequence[Mapping[str, Any]]) -> list[Warning_]:
    trials = min((cell["trials"] for cell in cells), default=0)
    if trials >= FEW_TRIALS:
        return []
    if not trials:
        advice = "continue the run with resume=true"
        return [{"code": "few_trials", "message": "no trial of every cell is whole yet", "advice": advice}]
    text = "1 trial proves little" if trials == 1 else f"{trials} trials"
    if trials < FEWEST_FOR_RATIO:
        text += "; no interval can be given for a speedup"
    widest = max(cells, key=_relative_width)
    if _relative_width(widest) > 0:
        text += f"; the {quantity(cells)} of {widest['cell']} is known to +-{_relative_width(widest):.0%} only"
    return [{"code": "few_trials", "message": text, "advice": "run more: trials=20 or above"}]


def _relative_width(cell: Mapping[str, Any]) -> float:
    """Half the interval of a mean total as a share of it; 0 where there is none."""
    total = judged(cell)
    return (total["ci95"][1] - total["ci95"][0]) / 2 / total["mean"] if total["ci95"] and total["mean"] else 0.0


def _dominated(cells: Sequence[Mapping[str, Any]]) -> list[Warning_]:
    found = []
    for cell in cells:
        totals = judged(cell)["per_trial"]
        if len(totals) > 2 and max(totals) > DOMINANT_SHARE * sum(totals):
            share = max(totals) / sum(totals)
            text = f"{cell['cell']}: one trial makes up {share:.0%} of all time, so the mean rests on it"
            found.append({"code": "one_trial_dominates", "message": text, "advice": "run more trials"})
    return found


def _failures_differ(cells: Sequence[Mapping[str, Any]]) -> list[Warning_]:
    rates = {cell["cell"]: cell["failed"] / cell["requests"] for cell in cells if cell["requests"]}
    if not rates or max(rates.values()) - min(rates.values()) < 0.001:
        return []
    worst = max(rates, key=lambda name: rates[name])
    text = f"failures differ between cells, up to {rates[worst]:.1%} in {worst}: their totals are of different work"
    return [{"code": "failures_differ", "message": text, "advice": "read totals together with failures"}]


def _late(code: str, who: str, timing: Mapping[str, Any] | None) -> list[Warning_]:
    if timing is None or not timing["late"]:
        return []
    text = (
        f"{who} in a hundred by more than {timing['p99_s'] * 1000:.0f} ms "
        f"(limit {timing['limit_s'] * 1000:.0f} ms), which is in every time above"
    )
    return [{"code": code, "message": text, "advice": "fewer requests at once, or a machine with more cores"}]


def _own_time(cells: Sequence[Mapping[str, Any]]) -> list[Warning_]:
    """Where the client takes a share of what is reported as the server's."""
    shares = {
        cell["cell"]: cell["wire"]["client_s"]["p99"] / cell["ttft_s"]["p50"]
        for cell in cells
        if "wire" in cell and cell["ttft_s"]["p50"]
    }
    worst = max(shares, key=lambda name: shares[name], default=None)
    if worst is None or shares[worst] < OWN_SHARE:
        return []
    own = next(cell["wire"]["client_s"]["p99"] for cell in cells if cell["cell"] == worst)
    text = (
        f"one attempt in a hundred of {worst} waited {own * 1000:.0f} ms or more in the client before its request was "
        f"written, {shares[worst]:.0%} of the median time to first content"
    )
    advice = "read ttft_wire_s beside ttft_s, or send fewer requests at once"
    return [{"code": "client_time", "message": text, "advice": advice}]


def _not_reached(cells: Sequence[Mapping[str, Any]]) -> list[Warning_]:
    """Where a client is too slow to have as many requests in flight as it should, so that a smaller load was played."""
    shares = {
        cell["cell"]: cell["in_flight"]["most"] / cell["in_flight"]["wanted"] for cell in cells if "in_flight" in cell
    }
    worst = min(shares, key=lambda name: shares[name], default=None)
    if worst is None or shares[worst] >= WINDOW_SHARE:
        return []
    found = next(cell["in_flight"] for cell in cells if cell["cell"] == worst)
    text = (
        f"{worst} never had more than {found['most']:,} requests in flight, where {found['wanted']:,} were wanted: the "
        "client sends no faster, and the server saw a smaller load"
    )
    advice = "strategy.transport=asyncio, engine=processes, or a smaller strategy.in_flight"
    return [{"code": "window_not_reached", "message": text, "advice": advice}]


def _omitted(held_up: Mapping[str, float]) -> list[Warning_]:
    """Coordinated omission (G. Tene, "How not to measure latency", 2013): a slow spell is met by few requests."""
    worst = max(held_up, key=lambda name: held_up[name], default=None)
    if worst is None or held_up[worst] < OMISSION_SHARE:
        return []
    text = (
        f"coordinated omission is possible: the slowest hundredth of the requests took {held_up[worst]:.0%} of all "
        f"request time in {worst}, and while they were under way others were not sent, so a slow spell of the server "
        "is met by fewer requests than one that sends on"
    )
    return [
        {
            "code": "coordinated_omission",
            "message": text,
            "advice": "judge by totals, which hold all waiting, rather than by quantiles of single requests",
        }
    ]


def _imprecise(precision: Mapping[str, Any] | None) -> list[Warning_]:
    if precision is None or precision["worst"] is None:
        return []
    width, within = precision["width"], precision["within"]
    if width is not None and width <= within:
        return []
    known = "has no interval" if width is None else f"is known to +-{width:.1%} only"
    text = f"{precision['worst']} {known}, and +-{within:.1%} was wanted"
    return [
        {
            "code": "not_precise",
            "message": text,
            "advice": "resume the run with more precision.max_trials or budget.max_requests",
        }
    ]


def _incomplete(incomplete: Mapping[str, int]) -> list[Warning_]:
    return [
        {
            "code": "incomplete_trials",
            "message": f"{cell}: {count} trial{'s' * (count != 1)} without all requests left out of the totals",
            "advice": "continue the run with resume=true",
        }
        for cell, count in incomplete.items()
        if count
    ]

"""How fast each cell's workload could have been: from its profile, or from the attempts of a recording."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from harness.bounds import Bounds, Latency, bounds, bounds_of, why_not
from harness.profiles import Profile
from harness.storage import RunFolder

#: Reads the records anew each time it is called.
Lines = Callable[[], Iterator[Mapping[str, Any]]]


def bounds_beside(folder: RunFolder, profiles: Mapping[str, Profile]) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """What stands as `bounds` beside each cell of a run's manifest, whose mock played the profiles.

    `source` is `profile`, `records` or None; if it is None, `why_not` says why in a sentence. Times in seconds.
    """
    manifest = folder.manifest()
    recordings: dict[bool, Latency | None] = {}

    def of(about: Mapping[str, Any]) -> dict[str, Any]:
        strategy = about["strategy"]
        if unbounded := _why_not(about):
            return _none(unbounded)
        gathers = strategy["dispatch"] == "gather"
        stream = bool(strategy["stream"])
        workload: dict[str, Any] = {
            "requests": about["requests_per_trial"],
            "in_flight": about["batch_size"] if gathers else strategy["in_flight"],
            "dispatch": strategy["dispatch"],
        }
        if about["target"] != "mock":
            if stream not in recordings:
                recordings[stream] = _recorded(folder.lines, _cells(manifest, stream=stream))
            latency = recordings[stream]
            if latency is None:
                return _none("no attempt was answered.")
            return _found(bounds(latency, **workload), "records")
        profile = profiles.get(about["profile"])
        if profile is None:
            return _none("the run folder does not hold the profile.")
        reason = why_not(profile)
        if reason is not None:
            return _none(reason)
        profile = profile.scaled(manifest["time_scale"])
        return _found(bounds_of(profile, stream=stream, tokens=about.get("max_tokens"), **workload), "profile")

    return of


def _why_not(about: Mapping[str, Any]) -> str | None:
    """Why the workload of a cell has no bounds, whatever its server; None where it has."""
    strategy = about["strategy"]
    reasons = {
        "requests come of themselves, so that their total is no matter of the client's.": about.get("arrivals"),
        "its requests ask for answers of different lengths.": about.get("answers_differ"),
        "its starts are staggered.": strategy.get("stagger_s"),
        "the number of requests in flight follows what comes back.": strategy["dispatch"] not in {"gather", "window"},
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def _cells(manifest: Mapping[str, Any], *, stream: bool) -> set[str]:
    return {about["cell"] for about in manifest["cells"] if bool(about["strategy"]["stream"]) == stream}


def _recorded(lines: Lines, cells: set[str]) -> Latency | None:
    """The attempts of some cells of a recording, those that were not answered being censored when they ended."""
    answered: list[float] = []
    censored: list[float] = []
    for line in lines():
        if line["cell"] in cells:
            for one in line["attempts"]:
                (answered if one["outcome"] == "ok" else censored).append(one["end_s"] - one["send_s"])
    return Latency.of_times(answered, censored) if answered else None


def _found(found: Bounds, source: str) -> dict[str, Any]:
    return {"source": source, "why_not": None, **found.to_dict()}


def _none(reason: str) -> dict[str, Any]:
    return {"source": None, "why_not": reason}

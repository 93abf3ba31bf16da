"""What an abandoned attempt would have come to, by the script that the mock drew for it. Pure."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace

from harness.faults import Meeting
from harness.profiles import Profile
from harness.records import ABANDONED, Attempt, Outcome, Request
from harness.scripts import NEVER, Script

#: Faults that depend on what nobody but the server knows.
_CIRCUMSTANTIAL = {"overload", "stale_keepalive"}


def foreseeable(profile: Profile) -> bool:
    """Whether scripts follow from seed, request, attempt and time alone: not where load or connections decide."""
    return profile.load.is_unlimited and not any(
        fault.sticky == "connection" or fault.name in _CIRCUMSTANTIAL for fault in profile.faults
    )


def with_foresight(outcome: Outcome, request: Request, profile: Profile, *, stream: bool) -> Outcome:
    """The outcome with `false_restart` and `wasted_tokens` of its abandoned attempts.

    `profile` must be `foreseeable`. An attempt was given up falsely if its answer would have been complete no later
    than the request ended, or if it would have been at all and the request failed.
    """
    if not any(_lost(outcome, attempt) for attempt in outcome.attempts):
        return outcome

    def judged(attempt: Attempt) -> Attempt:
        if not _lost(outcome, attempt):
            return attempt
        script = profile.script(
            outcome.seed,
            request.key,
            attempt.attempt,
            tokens=request.mock_tokens,
            meeting=Meeting(now_s=attempt.send_s),
        )
        answer_s = attempt.send_s + _answer_s(script if stream else script.all_at_the_end())
        limit_s = outcome.end_s if outcome.ok else NEVER
        age_s = attempt.end_s - attempt.send_s + script.ignores_cancel_s
        return replace(
            attempt,
            false_restart=answer_s <= limit_s and answer_s < NEVER,
            wasted_tokens=bisect_right(script.token_times, age_s + 1e-9),
        )

    return replace(outcome, attempts=tuple(judged(attempt) for attempt in outcome.attempts))


def _lost(outcome: Outcome, attempt: Attempt) -> bool:
    return attempt.outcome in ABANDONED and attempt.attempt != outcome.winner


def _answer_s(script: Script) -> float:
    """When the whole answer would have been there; infinity for one that never is."""
    names = [event.name for event in script.events]
    if {"reply", "break", "reset", "refused", "unreachable", "data"} & set(names):
        return NEVER
    return next((event.at_s for event in script.events if event.name in {"finish", "done"}), NEVER)

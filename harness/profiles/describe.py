"""What a profile will do, in lines for a person."""

from __future__ import annotations

from dataclasses import fields, replace

from harness.faults import Fault
from harness.profiles import Profile

#: Tokens that are drawn to describe the times of a profile, in at least so many scripts.
TOKENS, SCRIPTS = 40_000, 400
_SHARED = {"probability", "sticky", "kind"}


def describe(profile: Profile) -> list[str]:
    """The quantiles of the healthy first token and of the whole answer, and every fault with its settings."""
    healthy = replace(profile, faults=())
    draws = max(SCRIPTS, min(10 * SCRIPTS, TOKENS // profile.output_tokens))
    scripts = [healthy.script(0, str(request), 1) for request in range(draws)]
    first = sorted(script.events[script.index_of("token")].at_s for script in scripts)
    whole = sorted(script.end_s for script in scripts)
    length = f"{profile.output_tokens} token{'s' * (profile.output_tokens != 1)}"
    lines = [f"first token   {_quantiles(first)}", f"whole answer  {_quantiles(whole)}, {length}"]
    return lines + [f"{fault.probability:>8.2%}      {fault.name}{_settings(fault)}" for fault in profile.faults]


def _quantiles(times: list[float]) -> str:
    found = {
        name: times[round(share * (len(times) - 1))] for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
    }
    return ", ".join(f"{name} {seconds:.2f} s" for name, seconds in found.items())


def _settings(fault: Fault) -> str:
    """The settings of a fault beyond those that all share."""
    texts = []
    for field in fields(fault):
        value = getattr(fault, field.name)
        silent = field.name == "every_s" and getattr(fault, "noise", "") == "none"
        if field.name in _SHARED or silent or value in ("none", 0):
            continue
        inner = getattr(value, "kind", None)
        if inner is not None:
            numbers = ", ".join(
                f"{part.name} {getattr(value, part.name)}" for part in fields(value) if part.name != "kind"
            )
            value = f"{inner} ({numbers})"
        texts.append(f"{field.name} {value}")
    stuck = ["for the same prompts always"] if fault.sticky == "prompt" else []
    return f": {', '.join([*texts, *stuck])}" if texts or stuck else ""

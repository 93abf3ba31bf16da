"""What a profile will do, in lines for a person."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from harness.faults import Fault
from harness.profiles import Profile
from harness.profiles.load import Load

#: Tokens that are drawn to describe the times of a profile, in at least so many scripts.
TOKENS, SCRIPTS = 40_000, 400
_SHARED = {"probability", "kind", "sticky", "window_s", "first_attempts", "every"}


def describe(profile: Profile) -> list[str]:
    """The quantiles of the healthy first token and of the whole answer, every fault with its settings, and limits."""
    healthy = replace(profile, faults=(), load=Load())
    draws = max(SCRIPTS, min(10 * SCRIPTS, TOKENS // profile.output_tokens))
    scripts = [healthy.script(0, str(request), 1) for request in range(draws)]
    first = sorted(script.events[script.index_of("token")].at_s for script in scripts)
    whole = sorted(script.end_s for script in scripts)
    length = f"{profile.output_tokens} token{'s' * (profile.output_tokens != 1)}"
    lines = [f"first token   {_quantiles(first)}", f"whole answer  {_quantiles(whole)}, {length}"]
    met = [f"{fault.probability:>8.2%}      {fault.name}{_settings(fault)}" for fault in profile.faults]
    return [*lines, *met, *_load(profile.load)]


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
        if field.name in _SHARED or silent or value in ("none", 0, None):
            continue
        inner = getattr(value, "kind", None)
        if inner is not None:
            numbers = ", ".join(
                f"{part.name} {_shown(getattr(value, part.name))}" for part in fields(value) if part.name != "kind"
            )
            value = f"{inner} ({numbers})"
        texts.append(f"{field.name} {value}")
    texts += _whom(fault)
    return f": {', '.join(texts)}" if texts else ""


def _shown(value: Any) -> str:
    """A number as it is, recorded times by their number and range."""
    return f"{len(value)} from {value[0]} to {value[-1]}" if isinstance(value, tuple) else str(value)


def _whom(fault: Fault) -> list[str]:
    """Whom a fault meets, as far as that is not each attempt by itself."""
    sticky = {
        "prompt": "for the same prompts always",
        "connection": "for whole connections",
        "window": f"for whole windows of {fault.window_s} s",
    }
    texts = [sticky[fault.sticky]] if fault.sticky in sticky else []
    if fault.first_attempts is not None:
        texts.append(f"only in the first {fault.first_attempts} attempts of a request")
    if fault.every is not None:
        texts.append(f"only for one request in {fault.every}")
    return texts


def _load(load: Load) -> list[str]:
    """What the server does when much is asked of it, a line for each limit."""
    lines = []
    if load.slots is not None:
        queue = "without end" if load.queue is None else f"of {load.queue}, then {load.overflow}"
        lines.append(f"slots         {load.slots} at once, a queue {queue}")
    if load.slows:
        lines.append(f"slow-down     contention {load.contention:g}, coherency {load.coherency:g}")
    limits = {"requests": load.requests_per_minute, "tokens": load.tokens_per_minute}
    told = [f"{rate:g} {name} a minute" for name, rate in limits.items() if rate is not None]
    if told:
        lines.append(f"limits        {', '.join(told)}, then 429")
    if load.on_cancel != "at_once":
        late = "never" if load.on_cancel == "never" else f"after {load.on_cancel:g} s"
        lines.append(f"cancellation  frees a slot {late}")
    return lines

"""Misbehaviours of a server, each a small class that edits a script's timeline.

A fault has a `kind`, a `probability` (per attempt) and `apply(script, u) -> Script`, where `u` is a uniform draw of its
own. It neither sleeps nor sends.
"""

from __future__ import annotations

from harness.faults.stall import Stall

#: The union of all faults once there is more than one; profiles parse their `faults` by it.
Fault = Stall

#: Every fault by its `kind`, with one line of what it does, for `harness list`.
FAULTS: dict[str, str] = {"stall": "silence before the headers, after them, or after k tokens; for a time or for ever"}

__all__ = ["FAULTS", "Fault", "Stall"]

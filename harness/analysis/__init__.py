"""From the records of a run to its tables and its summary. Needs neither the SDK nor a network."""

from harness.analysis.frames import Frames, frames
from harness.analysis.restate import restate
from harness.analysis.summary import blank, finish, summarise

__all__ = ["Frames", "blank", "finish", "frames", "restate", "summarise"]

"""Who plays the tasks of a run: this process, several of this machine, or whoever else has a module here."""

from harness.engines.base import Engine, Stage, Synchronised, Task, WorkerLostError
from harness.engines.processes import cores
from harness.engines.registry import SYNCHRONISED, engine_named

__all__ = [
    "SYNCHRONISED",
    "Engine",
    "Stage",
    "Synchronised",
    "Task",
    "WorkerLostError",
    "cores",
    "engine_named",
]

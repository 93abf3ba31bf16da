"""Who plays the tasks of a run: this process, several of this machine, or whoever else has a module here."""

from harness.engines.base import Engine, Task, WorkerLostError
from harness.engines.processes import cores
from harness.engines.registry import engine_named

__all__ = ["Engine", "Task", "WorkerLostError", "cores", "engine_named"]

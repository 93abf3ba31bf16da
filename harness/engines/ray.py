"""Ray: actors of a cluster play the tasks, of one that exists or of one that is started for the run.

In a cluster that exists nothing is touched but the run's own actors, which end with it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, TypeVar

from harness.engines.addresses import Address, check_grpc
from harness.engines.ahead import in_order
from harness.engines.base import Stage, Task
from harness.engines.clusters import few, granted
from harness.engines.processes import cores
from harness.engines.ray_joining import check, settle_environment
from harness.engines.shipping import staged
from harness.engines.together import Together
from harness.errors import UserError

T = TypeVar("T")


class Ray:
    """Plays tasks in actors, one for each worker."""

    here = False

    def __init__(self, workers: int, where: str, notice: str | None = None) -> None:
        self.workers = workers
        self.notice = notice
        self._where = where

    def in_order(
        self, play: Callable[[Task], T], tasks: Sequence[Task], *, idle: Callable[[], None]
    ) -> Generator[T, None, None]:
        """The results in order; what an actor had under way when it or its node was lost is played by another."""
        from harness.engines.ray_crew import Crew

        crew = Crew(play, min(self.workers, max(1, len(tasks))), self._where)
        try:
            yield from in_order(crew, tasks, self.workers, idle)
        finally:
            crew.dismiss()

    def at_once(
        self,
        play: Callable[[Task, Stage], T],
        tasks: Sequence[Task],
        *,
        heard: Callable[[Task, Any], None],
        again: Callable[[Task], Task],
        idle: Callable[[], None],
    ) -> list[T]:
        """An actor for each task. Raises UserError where there are more tasks than workers."""
        from harness.engines.ray_stage import Performers

        if len(tasks) > self.workers:
            raise UserError(
                f"shards={len(tasks)} with clock=real needs as many workers at once, and {self._where} has "
                f"{self.workers}; use no more shards than that"
            )
        return Together(Performers(play, self._where), heard=heard, again=again, idle=idle).results(tasks)


@contextmanager
def opened(*, most: int | None, options: Mapping[str, Any]) -> Iterator[Ray]:
    """Actors of the cluster at `options["address"]`, or of one that is started and ended with the block.

    `options["workers"]` are wanted. Raises UserError when the extra is missing, or the cluster cannot be joined.
    """
    if find_spec("ray") is None:
        raise UserError("engine=ray needs Ray: pip install 'llm-tail-harness[ray]'")
    settle_environment(joins=options.get("address") is not None)
    address = options.get("address")
    if address is not None:
        check_grpc(Address.of(address), "a Ray cluster")
        # Before Ray is imported here as well, which takes a second or more.
        check(address)
    import ray

    if ray.is_initialized():
        raise UserError("engine=ray cannot be used here: this process has joined a Ray cluster of its own already")
    wanted = options.get("workers")
    where = "the local Ray cluster" if address is None else f"the Ray cluster at {address}"
    with staged() as code:
        environment = {"py_modules": [str(path) for path in code], "env_vars": {"PYTHONWARNINGS": "ignore"}}
        quietly: dict[str, Any] = {
            "runtime_env": environment,
            "log_to_driver": False,
            "logging_level": "ERROR",
            "configure_logging": True,
        }
        if address is None:
            size = wanted or (cores() if most is None else min(cores(), max(1, most)))
            ray.init("local", num_cpus=size, include_dashboard=False, **quietly)
        else:
            ray.init(address, **quietly)
    try:
        free = size if address is None else int(ray.available_resources().get("CPU", 0))
        if not free:
            raise UserError(f"{where} has no free CPU: wait for one, or join another cluster")
        yield Ray(granted(wanted, free, most), where, few(wanted, free, where))
    finally:
        ray.shutdown()

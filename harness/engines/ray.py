"""Ray: actors of a cluster play the tasks, of one that exists or of one that is started for the run.

In a cluster that exists nothing is touched but the run's own actors, which end with it.
"""

from __future__ import annotations

import json
import os
import platform
import secrets
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar

from harness.engines.addresses import Address, check_grpc
from harness.engines.ahead import DEATHS, IDLE_S, Failed, Lost, Played, in_order, lost
from harness.engines.base import Task, WorkerLostError
from harness.engines.clusters import few, foreign, granted, missing
from harness.engines.processes import cores
from harness.engines.shipping import staged
from harness.errors import UserError

if TYPE_CHECKING:
    from ray import ObjectRef
    from ray.actor import ActorHandle

T = TypeVar("T")

#: Seconds after which a probe of an address is given up, most of which are for importing Ray.
PROBE_S = 20.0
#: Seconds without a single actor that plays, after which a run is given up.
NOBODY_S = 120.0


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
        crew = _Crew(play, min(self.workers, max(1, len(tasks))), self._where)
        try:
            yield from in_order(crew, tasks, self.workers, idle)
        finally:
            crew.dismiss()


class _Player:
    """What an actor is: it keeps what it plays with, so that a task is all that has to be sent."""

    def __init__(self, pickled: bytes) -> None:
        self._pickled = pickled
        self._play: Callable[[Task], Any] | None = None

    def prepare(self) -> None:
        """Load the experiment, and with it the code that plays it."""
        from ray import cloudpickle

        self._play = cloudpickle.loads(self._pickled)

    def play(self, task: Task) -> Any:
        if self._play is None:
            raise RuntimeError("an actor was asked to play before it was prepared")
        return self._play(task)


class _Crew:
    """The actors of one call of `in_order`, and what each has under way."""

    def __init__(self, play: Callable[[Task], Any], size: int, where: str) -> None:
        import ray
        from ray import cloudpickle

        self._where = where
        self._pickled = ray.put(cloudpickle.dumps(play))
        self._actor = ray.remote(num_cpus=1, max_restarts=0, scheduling_strategy="SPREAD")(_Player)
        self._free: list[ActorHandle] = []
        #: What is waited for: the actor, and the place of its task, None while it prepares.
        self._busy: dict[ObjectRef[Any], tuple[ActorHandle, int | None]] = {}
        self._unprepared = 0
        self._silent_s = 0.0
        for _ in range(size):
            self._hire()

    def has_room(self) -> bool:
        return bool(self._free)

    def begin(self, place: int, task: Task) -> None:
        actor = self._free.pop()
        self._busy[actor.play.remote(task)] = actor, place

    def dismiss(self) -> None:
        """End the actors, whatever they have under way."""
        import ray

        for actor in [*self._free, *(actor for actor, _ in self._busy.values())]:
            with suppress(Exception):
                ray.kill(actor)
        self._free, self._busy = [], {}

    def _hire(self) -> None:
        actor = self._actor.remote(self._pickled)
        self._busy[actor.prepare.remote()] = actor, None

    def ended(self) -> list[tuple[int, Played | Failed | Lost]] | None:
        import ray

        ready, _ = ray.wait(list(self._busy), timeout=IDLE_S)
        return [end for ref in ready for end in self._end(ref)] if ready else None

    def _end(self, ref: ObjectRef[Any]) -> Iterator[tuple[int, Played | Failed | Lost]]:
        """What came of a task, if it was one."""
        import ray
        from ray.exceptions import RayError, RayTaskError

        actor, place = self._busy.pop(ref)
        try:
            result = ray.get(ref)
        except RayTaskError as error:
            self._free.append(actor)
            mendable = self._mendable(error.cause)
            if place is None:
                raise mendable from None
            yield place, Failed(mendable)
        except RayError as error:
            self._replace(actor)
            if place is not None:
                yield place, Lost(_first_line(error))
                return
            self._unprepared += 1
            if self._unprepared > DEATHS:
                raise WorkerLostError(lost("the code was prepared", self._unprepared, _first_line(error))) from None
        else:
            self._silent_s = 0.0
            self._free.append(actor)
            if place is not None:
                yield place, Played(result)

    def _mendable(self, error: BaseException) -> BaseException:
        return missing(error, self._where) if isinstance(error, ImportError) else error

    def _replace(self, actor: ActorHandle) -> None:
        """Another actor for one that died, or whose result was lost with its node."""
        import ray

        with suppress(Exception):
            ray.kill(actor)
        self._hire()

    def check_patience(self) -> None:
        """Give up when all that is left are actors that no node has room for."""
        if self._free or any(place is not None for _, place in self._busy.values()):
            return
        self._silent_s += IDLE_S
        if self._silent_s > NOBODY_S:
            raise WorkerLostError(
                f"no worker of {self._where} has started for {NOBODY_S:g} s; what was finished is kept"
            )


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")


@contextmanager
def opened(*, most: int | None, options: Mapping[str, Any]) -> Iterator[Ray]:
    """Actors of the cluster at `options["address"]`, or of one that is started and ended with the block.

    `options["workers"]` are wanted. Raises UserError when the extra is missing, or the cluster cannot be joined.
    """
    if find_spec("ray") is None:
        raise UserError("engine=ray needs Ray: pip install 'llm-tail-harness[ray]'")
    _settle_environment(joins=options.get("address") is not None)
    address = options.get("address")
    if address is not None:
        check_grpc(Address.of(address), "a Ray cluster")
        # Before Ray is imported here as well, which takes a second or more.
        _check(address)
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


def _settle_environment(*, joins: bool) -> None:
    """What Ray reads from the environment before it is imported. A token is there or nowhere."""
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    if not joins and os.environ.get("RAY_AUTH_MODE", "token") == "token" and "RAY_AUTH_TOKEN_PATH" not in os.environ:
        # A cluster of one's own is open to nobody else, and Ray would keep a token in the home folder.
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    if os.environ.keys() & {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"}:
        os.environ.setdefault("RAY_AUTH_MODE", "token")


def _check(address: str) -> None:
    """Make sure that the cluster lets this process in and is of its versions. Raises UserError."""
    answer = _probe(address)
    error = answer.get("error")
    if error == "token":
        given = "is wrong" if os.environ.keys() & {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} else "is missing"
        raise UserError(f"the Ray cluster at {address} wants a token, which {given}; set RAY_AUTH_TOKEN to it")
    if error == "elsewhere":
        raise UserError(
            f"Ray joins a cluster of this machine at {answer['joined']}, where nothing answers; "
            "start its head without --node-ip-address, or with the address of this machine"
        )
    if error == "silent":
        raise UserError(f"what listens at {address} does not answer as a Ray cluster does; check cluster.address")
    if error is not None:
        raise UserError(f"cannot join the Ray cluster at {address} ({answer['reason']}); check cluster.address")
    versions = answer["versions"]
    theirs = {"Ray": versions.get("ray_version"), "Python": versions.get("python_version")}
    foreign(f"the Ray cluster at {address}", theirs, {"Ray": version("ray"), "Python": platform.python_version()})
    if answer["here"] not in answer["nodes"]:
        raise UserError(
            f"no node of the Ray cluster at {address} is on this machine ({answer['here']}), and Ray joins through "
            f"one; run the command on a node, or make this machine one: ray start --address={address}"
        )


def _probe(address: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "harness.engines.ray_probe", address]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=PROBE_S, check=True)  # noqa: S603
        answer: dict[str, Any] = json.loads(found.stdout)
    except (subprocess.SubprocessError, ValueError):
        return {"error": "silent"}
    return answer

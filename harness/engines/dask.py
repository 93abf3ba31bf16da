"""Dask: workers of a cluster play the tasks, of one that exists or of one that is started for the run.

Each thread of a worker has a process that plays for it, with the code that was sent. In a cluster that exists nothing
is left behind.
"""

from __future__ import annotations

import io
import logging
import pickle
import platform
import secrets
import warnings
import zipfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

from harness.engines.addresses import Address, check_greets, connect
from harness.engines.ahead import Failed, Lost, Played, in_order
from harness.engines.base import IDLE_S, Task, WorkerLostError
from harness.engines.clusters import few, foreign, granted, missing
from harness.engines.frames import DIED, FAILED, LACKS
from harness.engines.processes import cores
from harness.engines.shipping import staged
from harness.errors import UserError

if TYPE_CHECKING:
    from distributed import Client, Future

T = TypeVar("T")

#: A key of the handshake with which a scheduler begins.
GREETING = b"pickle-protocol"
#: Seconds that a scheduler may take to answer.
ANSWER_S = 3
#: Seconds without a single worker, after which a run is given up.
NOBODY_S = 60.0


class Dask:
    """Plays tasks on the workers of a cluster, a number of them at once."""

    here = False

    def __init__(self, client: Client, workers: int, where: str, notice: str | None = None) -> None:
        self.workers = workers
        self.notice = notice
        self._client = client
        self._where = where

    def in_order(
        self, play: Callable[[Task], T], tasks: Sequence[Task], *, idle: Callable[[], None]
    ) -> Generator[T, None, None]:
        """The results in order; what a worker had under way when it was lost is played by another."""
        import cloudpickle

        from harness.engines import dask_worker, frames

        name = f"harness-{secrets.token_hex(8)}"
        for module in (dask_worker, frames):
            cloudpickle.register_pickle_by_value(module)
        try:
            self._client.register_plugin(dask_worker.Players(name, _packed(), cloudpickle.dumps(play)))
            crew = _Crew(self._client, name, self.workers, self._where)
            try:
                yield from in_order(crew, tasks, self.workers, idle)
            finally:
                crew.dismiss()
                with suppress(Exception):
                    self._client.unregister_worker_plugin(name)
        finally:
            for module in (dask_worker, frames):
                cloudpickle.unregister_pickle_by_value(module)


class _Crew:
    """The workers for one call of `in_order`, and what is under way."""

    def __init__(self, client: Client, name: str, workers: int, where: str) -> None:
        self._client, self._name, self._workers, self._where = client, name, workers, where
        self._under_way: dict[Future, int] = {}
        self._tries = count()
        self._alone_s = 0.0

    def has_room(self) -> bool:
        return len(self._under_way) < self._workers

    def begin(self, place: int, task: Task) -> None:
        from harness.engines.dask_worker import play

        # A key of its own for each try: Dask would answer an equal one with the result of before.
        key = f"{self._name}-{next(self._tries)}"
        self._under_way[self._client.submit(play, self._name, pickle.dumps(task), key=key, pure=False)] = place

    def ended(self) -> list[tuple[int, Played | Failed | Lost]] | None:
        from distributed import wait

        try:
            with self._client.as_current():
                ready = wait(list(self._under_way), timeout=IDLE_S, return_when="FIRST_COMPLETED").done
        except TimeoutError:
            return None
        self._alone_s = 0.0
        return [(self._under_way.pop(future), self._end(future)) for future in ready]

    def _end(self, future: Future) -> Played | Failed | Lost:
        from distributed.client import FutureCancelledError
        from distributed.scheduler import KilledWorker

        try:
            answer: bytes = future.result()
        except KilledWorker:
            return Lost("with their processes")
        except FutureCancelledError:
            raise WorkerLostError(f"{self._where} has gone; what was finished is kept") from None
        kind, content = answer[:1], answer[1:]
        if kind == DIED:
            return Lost(content.decode())
        value = pickle.loads(content)  # noqa: S301 - from the workers that this run has sent its code to
        if kind == LACKS:
            return Failed(missing(ImportError(name=value), self._where))
        return Failed(value) if kind == FAILED else Played(value)

    def check_patience(self) -> None:
        self._alone_s = 0.0 if self._client.ncores() else self._alone_s + IDLE_S
        if self._alone_s > NOBODY_S:
            raise WorkerLostError(f"{self._where} has no worker left for {NOBODY_S:g} s; what was finished is kept")

    def dismiss(self) -> None:
        """Give up what is under way."""
        with suppress(Exception):
            self._client.cancel(list(self._under_way), force=True)


def _packed() -> bytes:
    """All that is sent, as a ZIP file."""
    buffer = io.BytesIO()
    with staged() as code, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in code:
            for file in [path] if path.is_file() else sorted(path.rglob("*")):
                packed.write(file, file.relative_to(path.parent))
    return buffer.getvalue()


@contextmanager
def opened(*, most: int | None, options: Mapping[str, Any]) -> Iterator[Dask]:
    """Workers of the cluster at `options["address"]`, or of one that is started and ended with the block.

    `options["workers"]` are wanted. Raises UserError when the extra is missing, or the cluster cannot be joined.
    """
    address, wanted = options.get("address"), options.get("workers")
    where = "the local Dask cluster" if address is None else f"the Dask cluster at {address}"
    if address is not None:
        _check_speaks(Address.of(address))
    try:
        from distributed import LocalCluster
    except ImportError:
        raise UserError("engine=dask needs Dask: pip install 'llm-tail-harness[dask]'") from None
    with _silence():
        if address is not None:
            with _joined(address) as client:
                yield _engine(client, wanted, most, where)
            return
        size = wanted or (cores() if most is None else min(cores(), max(1, most)))
        # Threads of this process are enough, as each has a process that plays for it.
        local = {"n_workers": 1, "threads_per_worker": size, "processes": False, "dashboard_address": "127.0.0.1:0"}
        with LocalCluster(**local) as cluster, cluster.get_client() as client:
            yield _engine(client, wanted, most, where)


def _check_speaks(address: Address) -> None:
    """Raises UserError where nobody listens, or somebody who does not begin as a scheduler does."""
    if address.scheme in {"", "tcp://"}:
        check_greets(address, "a Dask scheduler", GREETING)
    else:
        connect(address, "a Dask scheduler").close()


def _engine(client: Client, wanted: int | None, most: int | None, where: str) -> Dask:
    free = sum(client.ncores().values())
    if not free:
        raise UserError(f"{where} has no worker: start some, or join another cluster")
    return Dask(client, granted(wanted, free, most), where, few(wanted, free, where))


@contextmanager
def _joined(address: str) -> Iterator[Client]:
    """A client of a scheduler. Raises UserError when it does not answer as one, or is of other versions."""
    import distributed
    from distributed import Client

    try:
        # Dask warns of other versions in a table; below it is a line.
        with warnings.catch_warnings(action="ignore"):
            client = Client(str(Address.of(address)), timeout=ANSWER_S, set_as_default=False)
    except (OSError, ValueError):
        raise UserError(
            f"what listens at {address} does not answer as a Dask scheduler does; check cluster.address, "
            "and its certificates if it is tls://"
        ) from None
    with client:
        told = client.get_versions()["scheduler"]
        theirs = {"Python": _minor(told["host"]["python"]), "distributed": told["packages"]["distributed"]}
        ours = {"Python": _minor(platform.python_version()), "distributed": distributed.__version__}
        foreign(f"the Dask cluster at {address}", theirs, ours)
        yield client


def _minor(python: str) -> str:
    return ".".join(python.split(".")[:2])


@contextmanager
def _silence() -> Iterator[None]:
    """Dask tells of every worker that goes; a run says itself what matters."""
    logger = logging.getLogger("distributed")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)

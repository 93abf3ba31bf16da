"""Who answers: the mock inside this loop, the mock in another process, or a real API."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from harness.config import Cell, Experiment
from harness.errors import StoppedError, UserError
from harness.mock.app import MockApp
from harness.mock.listener import serving
from harness.mock.server import ServerProcess
from harness.openai_adapter import Endpoint
from harness.profiles import Profile
from harness.runner.preflight import check_reachable, server_timing, trouble_of_key

#: The mock asks for no key; the SDK wants one all the same.
MOCK_KEY = "mock"

#: Lines that the log of a mock in virtual time keeps: nobody asks for them, and each takes a kilobyte.
LOG_LINES = 1_000


class Target(Protocol):
    """Opens an endpoint for one trial of one cell."""

    def endpoint(self, *, seed: int, scope: str) -> AbstractAsyncContextManager[Endpoint]:
        """The endpoint for one trial; `scope` keeps the mock's attempt counters of trials and cells apart."""

    def ended(self) -> str | None:
        """How the server that was started for the run has ended, in words; None while it is there, and of others'."""


@dataclass(frozen=True)
class EmbeddedMock:
    """The mock application in the loop of the client, called directly or over in-memory sockets."""

    profile: Profile
    model: str
    network: str
    time_scale: float

    def ended(self) -> str | None:
        """It ends with the run."""
        return None

    @asynccontextmanager
    async def endpoint(self, *, seed: int, scope: str) -> AsyncIterator[Endpoint]:
        """A fresh application, so that a trial depends on nothing that ran before it."""
        app = MockApp(self.profile, seed=seed, keep=LOG_LINES)
        endpoint = Endpoint(
            base_url="http://127.0.0.1/v1",
            api_key=MOCK_KEY,
            model=self.model,
            is_mock=True,
            app=app,
            scope=scope,
            seed=seed,
            time_scale=self.time_scale,
        )
        if self.network == "direct":
            yield endpoint
            return
        async with serving(app, port=8000) as port:
            yield endpoint.over_network(f"http://127.0.0.1:{port}/v1")


@dataclass(frozen=True)
class Remote:
    """A server outside this process: the mock's own, or a real API."""

    base_url: str
    api_key: str = field(repr=False)
    model: str
    is_mock: bool
    time_scale: float
    run: str = ""
    process: ServerProcess | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Without the server's process, which nobody elsewhere can ask after."""
        return {**self.__dict__, "process": None}

    def ended(self) -> str | None:
        """How the process of the run's own server has ended."""
        return None if self.process is None else self.process.ended

    @asynccontextmanager
    async def endpoint(self, *, seed: int, scope: str) -> AsyncIterator[Endpoint]:
        """The same server for every trial; only the mock is told about trials and cells."""
        yield Endpoint(
            base_url=self.base_url,
            api_key=self.api_key,
            model=self.model,
            is_mock=self.is_mock,
            app=None,
            scope=f"{self.run}/{scope}",
            seed=seed,
            time_scale=self.time_scale,
        )


class Targets:
    """The targets of a run, opened when a cell first needs them."""

    def __init__(self, experiment: Experiment, stack: ExitStack, run: str) -> None:
        self._experiment = experiment
        self._stack = stack
        self._run = run
        self._opened: dict[str, Target] = {}

    def of(self, cell: Cell) -> Target:
        """The target for a cell: one per profile for the mock, one in all for a real API."""
        experiment = self._experiment
        # By what a profile is, not by its name: two files may carry the same one.
        key = repr(cell.profile) if experiment.settings.target.kind == "mock" else ""
        if key not in self._opened:
            self._opened[key] = self._open(cell.profile)
        return self._opened[key]

    def server_timing(self) -> dict[str, Any] | None:
        """How late the mocks' servers were by their own logs, the latest of them; None without one that says."""
        found = [
            server_timing(target.base_url)
            for target in self._opened.values()
            if isinstance(target, Remote) and target.is_mock
        ]
        said = [timing for timing in found if timing is not None]
        return max(said, key=lambda timing: float(timing["p99_s"]), default=None)

    def _open(self, profile: Profile) -> Target:
        experiment = self._experiment
        scale = experiment.settings.time_scale
        if experiment.settings.target.kind == "openai":
            return Remote(
                _api_url(experiment),
                os.environ["OPENAI_API_KEY"],
                experiment.settings.target.model,
                is_mock=False,
                time_scale=1.0,
            )
        if experiment.clock == "virtual":
            return EmbeddedMock(
                profile.scaled(scale), experiment.settings.target.model, experiment.settings.network, scale
            )
        url, server = experiment.settings.target.base_url, None
        if not url:
            server = self._server(profile.scaled(scale))
            url = server.base_url
        return Remote(
            url,
            MOCK_KEY,
            experiment.settings.target.model,
            is_mock=True,
            time_scale=scale,
            run=self._run,
            process=server,
        )

    def _server(self, profile: Profile) -> ServerProcess:
        """A server for the rest of the run. Raises StoppedError when it does not start."""
        try:
            return self._stack.enter_context(ServerProcess(profile, seed=self._experiment.settings.seed))
        except RuntimeError as error:
            raise StoppedError(f"{error}; what was finished before is kept") from None


def check_target(experiment: Experiment) -> None:
    """Make sure that the run's server can be asked at all, before anything is written or sent.

    Raises UserError when the key is missing or refused, or when no API answers at the base URL.
    """
    if experiment.settings.target.kind == "openai":
        key = os.environ.get("OPENAI_API_KEY", "")
        if not key:
            raise UserError("target=openai needs a key: set the environment variable OPENAI_API_KEY")
        if (trouble := trouble_of_key(key)) is not None:
            raise UserError(f"OPENAI_API_KEY has {trouble}; set it again without them")
        _check_proxy(experiment)
        check_reachable(_api_url(experiment), key)
    elif experiment.settings.target.base_url and experiment.clock == "real":
        check_reachable(experiment.settings.target.base_url, MOCK_KEY, is_mock=True, trust_env=False)


def _check_proxy(experiment: Experiment) -> None:
    """Refuse the transport that would go past a proxy of the environment."""
    url = urlsplit(_api_url(experiment))
    proxies = getproxies()
    named = url.scheme in proxies or "all" in proxies
    own = any(cell.strategy.transport == "asyncio" for cell in experiment.cells)
    if own and named and not proxy_bypass(url.hostname or ""):
        raise UserError(
            f"transport=asyncio goes through no proxy, and the environment names one for {url.hostname}; "
            "use transport=httpx2 or aiohttp, or name the host in NO_PROXY"
        )


def _api_url(experiment: Experiment) -> str:
    return experiment.settings.target.base_url or "https://api.openai.com/v1"


@contextmanager
def open_targets(experiment: Experiment) -> Iterator[Targets]:
    """The targets of a run; servers that were started for it are stopped at the end."""
    with ExitStack() as stack:
        yield Targets(experiment, stack, run=f"{os.getpid()}-{os.urandom(4).hex()}")

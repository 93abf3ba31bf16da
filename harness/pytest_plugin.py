"""The mock for anyone's own tests: the fixture `mock_llm`, and the marker `llm_profile` with its fixture `llm`.

Loaded by pytest through its entry point; it imports nothing of the harness before one of them is asked for.
"""

from __future__ import annotations

import inspect
import json
import random
import sys
import urllib.request
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

if TYPE_CHECKING:
    from harness.mock.app import MockApp
    from harness.profiles import Profile

T = TypeVar("T")
#: What stands for the machine, the commit and the date of benchmarks in virtual time, which depend on none of them.
_NO_MACHINE = {"clock": "virtual"}
_NO_DATE = "2023-11-14T22:13:20+00:00"


class ServedMock:
    """A mock server in another process; give `base_url` to any client, and any `api_key`."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url

    def log(self) -> list[dict[str, Any]]:
        """What the server did, a line per attempt (see docs/mock.md)."""
        return [json.loads(line) for line in self._call("GET", "/_harness/log").splitlines()]

    def reset(self) -> None:
        """Forget the log and count requests and attempts from the beginning."""
        self._call("POST", "/_harness/reset")

    def use(self, profile: str | Mapping[str, Any]) -> None:
        """Behave differently from now on."""
        self._call("PUT", "/_harness/profile", json.dumps(_profile(profile).to_dict()).encode())

    def _call(self, method: str, path: str, body: bytes | None = None) -> str:
        request = urllib.request.Request(self.base_url.removesuffix("/v1") + path, data=body, method=method)  # noqa: S310 - it is our own server, on loopback
        # A proxy of the environment must not catch what is meant for the mock.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=30) as answer:
            return str(answer.read().decode())


class PlayedMock:
    """What a scene in virtual time left: its `result`, the `seconds` it took, and the server's log."""

    def __init__(self, result: Any, seconds: float, app: MockApp) -> None:
        self.result = result
        self.seconds = seconds
        self._app = app

    def log(self) -> list[dict[str, Any]]:
        """What the server did, a line per attempt (see docs/mock.md)."""
        return list(self._app.log)


class MockLlm:
    """Starts mocks for one test, and stops them after it.

    A `profile` is the name of a packaged one or of one in `./conf/profile`, or a mapping of its fields.
    """

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def serve(self, profile: str | Mapping[str, Any] = "instant", *, seed: int = 0) -> ServedMock:
        """A server on real sockets, for any client in any language, until the test is over."""
        from harness.mock.server import ServerProcess

        server = self._stack.enter_context(ServerProcess(_profile(profile), seed=seed))
        return ServedMock(server.base_url)

    def play(
        self,
        scene: Callable[[str], Awaitable[T]],
        profile: str | Mapping[str, Any] = "instant",
        *,
        seed: int = 0,
        time_scale: float = 1.0,
    ) -> PlayedMock:
        """Await `scene(base_url)` in virtual time: stalls of ten minutes take none, and equal seeds are equal runs.

        The server and the asyncio clients of the scene share one loop, whose network is in memory; threads and
        synchronous clients do not take part in it. Raises what the scene raises, and ClockError when it hangs for ever.
        """
        from harness import clock
        from harness.mock.app import MockApp
        from harness.mock.listener import serving

        app = MockApp(_profile(profile).scaled(time_scale), seed=seed)

        async def main() -> PlayedMock:
            import asyncio

            async with serving(app) as port:
                result = await scene(f"http://127.0.0.1:{port}/v1")
                return PlayedMock(result, asyncio.get_running_loop().time(), app)

        with _seeded(seed):
            return clock.run(main, clock="virtual")


@pytest.fixture
def mock_llm(monkeypatch: pytest.MonkeyPatch) -> Iterator[MockLlm]:
    """An OpenAI-compatible mock that stalls, breaks and limits as its profile says."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1,localhost")
    with ExitStack() as stack:
        yield MockLlm(stack)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Python's own generator, from which clients draw the jitter of their back-off, seeded for a scene."""
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)


class VirtualLlm:
    """The server of an `async` test that is marked with `llm_profile`, which plays in virtual time."""

    base_url = "http://127.0.0.1:8000/v1"

    def __init__(self, profile: Profile, seed: int) -> None:
        from harness.mock.app import MockApp

        self._app = MockApp(profile, seed=seed)
        self._seed = seed

    @property
    def seconds(self) -> float:
        """Virtual seconds since the test began; to be asked within it."""
        import asyncio

        return asyncio.get_running_loop().time()

    def log(self) -> list[dict[str, Any]]:
        """What the server did, a line per attempt (see docs/mock.md)."""
        return list(self._app.log)

    def run(self, scene: Callable[[], Awaitable[object]]) -> None:
        """Await a scene beside the server, on a loop of its own."""
        from harness import clock
        from harness.mock.listener import serving

        async def main() -> None:
            async with serving(self._app, port=8000):
                await scene()

        with _seeded(self._seed):
            clock.run(main, clock="virtual")


@pytest.fixture
def llm(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> VirtualLlm:
    """The server of a test marked with `llm_profile(profile, seed=0, fault=None)`."""
    marker = request.node.get_closest_marker("llm_profile")
    if marker is None or len(marker.args) != 1 or set(marker.kwargs) - {"seed", "fault"}:
        raise pytest.UsageError(
            "the fixture llm needs @pytest.mark.llm_profile(PROFILE): a name or a mapping, and perhaps seed= and fault="
        )
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1,localhost")
    profile = _profile(marker.args[0])
    fault = marker.kwargs.get("fault")
    if fault is not None:
        from harness.config.cells import fault_named

        profile = profile.with_fault(fault_named(fault), fault)
    return VirtualLlm(profile, marker.kwargs.get("seed", 0))


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers", "llm_profile(profile, seed=0, fault=None): an async test beside a mock LLM server, in virtual time"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Play a marked test in virtual time; leave all others to others."""
    if pyfuncitem.get_closest_marker("llm_profile") is None:
        return None
    server = pyfuncitem.funcargs.get("llm")
    if not isinstance(server, VirtualLlm) or not inspect.iscoroutinefunction(pyfuncitem.obj):
        raise pytest.UsageError("a test marked with llm_profile is an `async def` that takes the fixture llm")
    names = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    server.run(lambda: pyfuncitem.obj(**arguments))
    return True


def _all_virtual(config: pytest.Config) -> bool:
    """Whether every benchmark of a session was timed by the virtual clock, so that no machine is in its results."""
    session = getattr(config, "_benchmarksession", None)
    found = [] if session is None else session.benchmarks
    # Nothing of the harness is imported before somebody uses it.
    clock = sys.modules.get("harness.clock")
    return bool(found) and clock is not None and all(one.options["timer"] is clock.timer for one in found)


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_benchmark_generate_machine_info(config: pytest.Config) -> dict[str, str] | None:
    """Results in virtual time are equal on all machines, and so are their files."""
    return dict(_NO_MACHINE) if _all_virtual(config) else None


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_benchmark_compare_machine_info(machine_info: Mapping[str, Any], compared_benchmark: dict[str, Any]) -> None:
    """A baseline in virtual time goes with every machine."""
    if compared_benchmark["machine_info"] == _NO_MACHINE:
        compared_benchmark["machine_info"] = machine_info


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_benchmark_generate_commit_info(config: pytest.Config) -> dict[str, str] | None:
    """A baseline that is committed does not change with every commit."""
    return dict(_NO_MACHINE) if _all_virtual(config) else None


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_json(config: pytest.Config, output_json: dict[str, Any]) -> None:
    """Nor with the time of day."""
    if _all_virtual(config):
        output_json["datetime"] = _NO_DATE
        for one in output_json["benchmarks"]:
            one["options"]["timer"] = "harness.clock.timer"
            one["stats"] = {name: _rounded(value) for name, value in one["stats"].items()}


def _rounded(value: Any) -> Any:
    """To nanoseconds: the dust of differences depends on what was timed before."""
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return round(value, 9) if isinstance(value, float) else value


def _profile(profile: str | Mapping[str, Any]) -> Profile:
    """Raises UserError for an unknown name, pydantic.ValidationError for fields that make no sense."""
    from harness.profiles import Profile

    if not isinstance(profile, str):
        return Profile.from_dict({"name": "test", **profile})
    from harness.config.files import find, load

    return Profile.from_dict(load(find("profile", profile)))

"""The mock on sockets: in this loop, in another process, or until somebody presses Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import ipaddress
import json
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import IO

from harness.errors import UserError
from harness.mock.app import MockApp
from harness.mock.crowded import Crowded
from harness.mock.listener import serving
from harness.profiles import Profile
from harness.profiles.describe import describe

_EXAMPLE = '{"model": "mock", "messages": [{"role": "user", "content": "hi"}]}'

START_LIMIT_S = 30.0


class ServerProcess:
    """A mock in another process, for as long as the block lasts; it ends with its parent, whatever ends that."""

    def __init__(
        self,
        profile: Profile,
        *,
        seed: int = 0,
        start_limit_s: float = START_LIMIT_S,
        command: Sequence[str] = (sys.executable, "-m", "harness.mock.server"),
    ) -> None:
        self._command = command
        self._start_limit_s = start_limit_s
        self._settings = json.dumps({"profile": profile.to_dict(), "seed": seed})
        self.base_url = ""

    def __enter__(self) -> ServerProcess:
        # A pipe that nobody reads fills up, and then the server's next warning would block all of it.
        self._errors = tempfile.TemporaryFile(mode="w+", errors="replace")
        self._process = subprocess.Popen(  # noqa: S603 - the command is ours; tests give one that keeps silent
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            # Ctrl-C in the terminal is for the run, which then stops its server.
            start_new_session=True,
        )
        limit = threading.Timer(self._start_limit_s, self._process.kill)
        limit.start()
        try:
            self._input.write(self._settings + "\n")
            self._input.flush()
            line = self._process.stdout.readline() if self._process.stdout else ""
            port = json.loads(line)["port"]
        except (OSError, ValueError, KeyError, TypeError):
            self._process.kill()
            self._errors.seek(0)
            last = self._errors.read().strip().splitlines()[-1:] or ["it said nothing"]
            self.__exit__(None, None, None)
            raise RuntimeError(f"the mock server did not start: {last[0]}") from None
        except BaseException:
            # Ctrl-C while waiting: nobody will leave a block that was never entered.
            self._process.kill()
            self.__exit__(None, None, None)
            raise
        finally:
            limit.cancel()
        self.base_url = f"http://127.0.0.1:{port}/v1"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._input.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for stream in (self._process.stdout, self._errors):
            if stream is not None:
                stream.close()

    @property
    def pid(self) -> int:
        """The number of its process."""
        return self._process.pid

    @property
    def ended(self) -> str | None:
        """How its process has ended, in words; None while it is there."""
        code = self._process.poll()
        if code is None:
            return None
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    @property
    def _input(self) -> IO[str]:
        if self._process.stdin is None:
            raise RuntimeError("the server was started without a pipe to its input")
        return self._process.stdin


def serve_forever(
    profile: Profile,
    *,
    seed: int = 0,
    host: str = "127.0.0.1",
    port: int = 8000,
    allow_remote: bool = False,
    ready: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve until Ctrl-C or SIGTERM; `ready` hears the base URL as soon as it listens there.

    Raises UserError when the port is in use, the host is unknown, or it is not loopback and `allow_remote` is not set.
    """
    found = addresses(host, port, allow_remote=allow_remote)
    # asyncio's own loop: uvloop counts time in whole milliseconds, and this server's log is what others are judged by.
    try:
        asyncio.run(_serve(MockApp(profile, seed=seed), host, found, port, ready))
    except OSError as error:
        # Somebody took the port between the look at it and the listening.
        raise UserError(
            f"cannot listen on port {port} of {host} ({error.strerror}); choose another with port=N"
        ) from None


def settle() -> int | None:
    """Make this process a server's: rarely look for garbage, and open as many connections as the system allows.

    How many files that is; None where it is not known. Answers leave no cycles, what the log keeps is not garbage, and
    many systems start with 1,024 descriptors only.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)
    if sys.platform != "win32":
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
            return None if most == resource.RLIM_INFINITY else int(most)
    return None


async def _serve(app: MockApp, host: str, found: Sequence[str], port: int, ready: Callable[[str], None]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    allowed = settle()
    loop.set_exception_handler(Crowded(_tell, allowed))
    async with serving(app, found, port) as chosen:
        url = f"http://{f'[{host}]' if ':' in host else host}:{chosen}/v1"
        _tell(f"serving profile {app.profile.name} with seed {app.seed} at {url} (Ctrl-C stops it)")
        _tell(f"  {app.profile.description}" if app.profile.description else "")
        for row in describe(app.profile):
            _tell(f"    {row}")
        _tell(f"  try: curl {url}/chat/completions -d '{_EXAMPLE}'")
        ready(url)
        await stop.wait()
        _tell(f"stopped after {app.log.arrived} attempts")


def addresses(
    host: str,
    port: int,
    *,
    allow_remote: bool,
    lookup: Callable[[str, int], list[str]] | None = None,
    probe: Callable[[str, int], int] | None = None,
) -> list[str]:
    """The addresses of a host that can be listened on, or what is wrong with them in words.

    A name may stand for several, of which a machine without IPv6 has only some. With port 0 it is one address, since
    each would get a port of its own. `lookup` names a host's addresses, `probe` says with an errno why an address
    cannot be had; tests give their own. Raises UserError.
    """
    try:
        found = (lookup or _lookup)(host, port)
    except (OSError, UnicodeError):
        raise UserError(f"no such host: {host}; use host=127.0.0.1") from None
    if not allow_remote and not all(ipaddress.ip_address(address).is_loopback for address in found):
        raise UserError(
            f"{host} is not loopback: anybody who reaches this machine could use the mock; allow it with "
            "allow_remote=true"
        )
    failures = {address: (probe or _probe)(address, port) for address in found}
    if errno.EACCES in failures.values():
        raise UserError(f"port {port} needs privileges; choose one above 1023 with port=N")
    if errno.EADDRINUSE in failures.values():
        raise UserError(f"port {port} on {host} is in use; choose another with port=N")
    free = [address for address, number in failures.items() if number == 0]
    if not free:
        raise UserError(f"{host} is not an address of this machine; use host=127.0.0.1")
    return free if port else free[:1]


def _lookup(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _probe(address: str, port: int) -> int:
    try:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
    except OSError as error:
        return error.errno or errno.EADDRNOTAVAIL
    return 0


def _child() -> None:
    """Serve what the parent asks for on standard input, until it closes."""
    settings = json.loads(sys.stdin.readline())
    app = MockApp(Profile.from_dict(settings["profile"]), seed=settings["seed"])

    async def main() -> None:
        settle()
        async with serving(app) as port:
            sys.stdout.write(json.dumps({"port": port}) + "\n")
            sys.stdout.flush()
            await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)

    asyncio.run(main())


def _tell(text: str) -> None:
    if text:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


if __name__ == "__main__":
    _child()

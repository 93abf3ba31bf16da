"""Serving begins where it was told to and ends when it is told to, whatever its clients do."""

import asyncio
import errno
import json
import shlex
import signal
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack

import httpx2
import pytest

from harness import clock
from harness.errors import UserError
from harness.mock.app import MockApp
from harness.mock.server import ServerProcess, addresses, serve_forever, serving
from harness.profiles import Profile
from tests.mock.conftest import CHAT, STEPS, ask

SERVE = "from harness.mock.server import serve_forever; from harness.profiles import Profile; import sys\n"
NEVER = {"name": "never", "description": "silence", "headers": 3600}


def started(profile: dict) -> tuple[subprocess.Popen, list[str]]:
    """A server as `harness serve` starts it, and the lines that it says first."""
    code = SERVE + f"serve_forever(Profile.from_dict({profile!r}), seed=4, port=0)"
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, start_new_session=True)
    said = [process.stderr.readline().rstrip("\n")]
    while process.poll() is None and "try: curl" not in said[-1]:
        said.append(process.stderr.readline().rstrip("\n"))
    return process, said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_while_it_answers(number):
    """Ctrl-C or SIGTERM with a request under way: exit 0, a line that counts it, no traceback."""
    process, said = started(NEVER)
    port = int(said[0].split(":")[-1].split("/")[0])
    body = json.dumps(ask()).encode()
    with socket.create_connection(("127.0.0.1", port)) as client, httpx2.Client(trust_env=False) as other:
        client.sendall(
            b"POST %b HTTP/1.1\r\nhost: m\r\ncontent-length: %d\r\n\r\n%b" % (CHAT.encode(), len(body), body)
        )
        while "harness_mock_in_flight 1" not in other.get(f"http://127.0.0.1:{port}/metrics").text:
            assert process.poll() is None
        process.send_signal(number)
        _, rest = process.communicate(timeout=30)
    assert (process.returncode, rest) == (0, "stopped after 1 attempts\n")


@pytest.mark.skipif(sys.platform == "win32", reason="limits of open files are POSIX")
def test_a_server_that_may_open_no_more_files_says_so_once():
    """And goes on: who waited is answered when others have gone, and it ends without a word of complaint."""
    limited = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))\n" + SERVE
    code = limited + "serve_forever(Profile.from_dict({'name': 'quick'}), seed=4, port=0)"
    with ExitStack() as stack:
        process = stack.enter_context(subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True))
        stack.callback(process.kill)
        # One that says nothing is not waited for.
        limit = threading.Timer(60, process.kill)
        limit.start()
        stack.callback(limit.cancel)
        port = int(process.stderr.readline().split(":")[-1].split("/")[0])
        crowd = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(60)]
        said = next(line for line in process.stderr if line.startswith("warning: "))
        assert said == (
            "warning: no more files can be opened (this system allows 40): new connections wait until others end; "
            "raise the limit with ulimit -n before the start\n"
        )
        for one in crowd:
            one.close()
        with httpx2.Client(trust_env=False) as client:
            assert client.get(f"http://127.0.0.1:{port}/v1/models", timeout=60).status_code == 200
        process.terminate()
        _, rest = process.communicate(timeout=30)
        assert (process.returncode, rest) == (0, "stopped after 0 attempts\n")


def test_a_server_says_what_it_serves_and_how_to_ask_it():
    """Profile, seed and address; the example it prints is a request that it answers."""
    process, said = started({"name": "quick", "description": "no waiting"})
    *_, url, _flag, body = shlex.split(said[-1])
    with httpx2.Client(trust_env=False) as client:
        answer = client.post(url, content=body.encode())
    process.terminate()
    process.communicate(timeout=30)
    assert said[0].startswith("serving profile quick with seed 4 at http://127.0.0.1:")
    assert said[1:3] == ["  no waiting", "    first token   p50 0.00 s, p95 0.00 s, p99 0.00 s"]
    assert answer.json()["object"] == "chat.completion"


def test_a_client_that_does_not_read_cannot_hold_the_server_open():
    """A stream backed up to a client that never reads is dropped when serving ends."""
    app = MockApp(Profile.from_dict({"name": "long", "output_tokens": 60_000, "between_tokens": 1e-6}))
    body = json.dumps(ask(stream=True)).encode()

    async def main() -> int:
        loop = asyncio.get_running_loop()
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.setblocking(False)
            async with asyncio.timeout(30):
                async with serving(app) as port:
                    await loop.sock_connect(deaf, ("127.0.0.1", port))
                    head = b"POST %b HTTP/1.1\r\nhost: m\r\ncontent-length: %d\r\n\r\n" % (CHAT.encode(), len(body))
                    await loop.sock_sendall(deaf, head + body)
                    # The answer is more than both sockets hold, so that its first bytes mean that it is under way.
                    await loop.sock_recv(deaf, 1)
                    return app.log.counts["in_flight"]

    assert clock.run(main, clock="real") == 1
    (line,) = app.log
    assert line["disconnected_s"] is not None
    assert line["events"][-1]["real_s"] is None


def test_serving_in_memory_keeps_the_script_s_instants():
    """On the virtual clock the same server answers over in-memory TCP at exactly the planned times."""
    app = MockApp(Profile.from_dict(STEPS), seed=3)

    async def main() -> float:
        async with serving(app, port=8000) as port, httpx2.AsyncClient(trust_env=False, timeout=None) as client:
            await client.post(f"http://127.0.0.1:{port}{CHAT}", json=ask(stream=True))
            return asyncio.get_running_loop().time()

    assert clock.run(main, clock="virtual") == 4.0
    (line,) = app.log
    assert [event["real_s"] for event in line["events"]] == [event["planned_s"] for event in line["events"]]


def test_leaving_the_block_takes_no_virtual_time():
    """Clients that are still waiting are let go at that instant."""
    app = MockApp(Profile.from_dict(NEVER))

    async def main() -> float:
        async with httpx2.AsyncClient(trust_env=False, timeout=None) as client:
            async with serving(app, port=8000) as port:
                asking = asyncio.create_task(client.post(f"http://127.0.0.1:{port}{CHAT}", json=ask()))
                await asyncio.sleep(2)
            ended = asyncio.get_running_loop().time()
            with pytest.raises(httpx2.RemoteProtocolError):
                await asking
            return ended

    assert clock.run(main, clock="virtual") == 2.0
    assert [line["disconnected_s"] for line in app.log] == [2.0]


def test_the_server_process_loads_neither_the_sdk_nor_pandas():
    """It starts in a fraction of a second and measures nothing but its own time."""
    code = "import sys, harness.mock.server; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "httptools" in loaded
    assert not {"openai", "httpx2", "pandas", "numpy", "matplotlib", "hydra", "scipy", "uvicorn"} & set(loaded)


def test_a_server_process_that_fails_says_why():
    """The last line of its own complaint is in the error."""
    command = [sys.executable, "-c", "raise SystemExit('no room for a server')"]
    with pytest.raises(RuntimeError, match="did not start: no room for a server"):
        ServerProcess(Profile("p"), command=command).__enter__()


def test_every_kind_of_time_reaches_the_server_process():
    """Tables, mixtures and stalls for ever arrive there as they were here."""
    table = {"kind": "quantiles", "points": {0.5: 0.001, 0.9: 0.002}}
    parts = [{"weight": 1, "of": 0.001}, {"weight": 2, "of": {"kind": "pareto", "scale": 0.001, "alpha": 2}}]
    stall = {"kind": "stall", "probability": 0.5, "duration": "forever", "position": "after_tokens", "tokens": 1}
    profile = Profile.from_dict(
        {"name": "all", "headers": table, "first_content": {"kind": "mixture", "parts": parts}, "faults": [stall]}
    )
    with ServerProcess(profile) as server, httpx2.Client(trust_env=False) as client:
        there = client.get(server.base_url.removesuffix("/v1") + "/_harness/profile").json()
    assert Profile.from_dict(there) == profile


@pytest.mark.parametrize("host", ["a..b", "x" * 70])
def test_a_host_that_cannot_be_a_name_is_one_line(host):
    """Python refuses to look it up with an error of another kind."""
    with pytest.raises(UserError, match="no such host"):
        serve_forever(Profile("p"), host=host)


def test_an_address_of_another_machine_is_not_called_a_port_in_use():
    """192.0.2.1 is reserved for documentation: no machine has it."""
    with pytest.raises(UserError, match=r"192\.0\.2\.1 is not an address of this machine"):
        serve_forever(Profile("p"), host="192.0.2.1", allow_remote=True)


@pytest.mark.parametrize("allow_remote", [False, True])
def test_a_name_with_one_address_beyond_loopback_is_refused_unless_asked_for(allow_remote):
    """All of its addresses would be listened on."""
    fakes = {"lookup": lambda host, port: ["127.0.0.1", "192.0.2.1"], "probe": lambda address, port: 0}
    if allow_remote:
        assert addresses("two.example", 8000, allow_remote=True, **fakes) == ["127.0.0.1", "192.0.2.1"]
    else:
        with pytest.raises(UserError, match=r"two\.example is not loopback"):
            addresses("two.example", 8000, allow_remote=False, **fakes)


@pytest.mark.parametrize(("port", "expected"), [(8123, ["127.0.0.1", "127.0.0.2"]), (0, ["127.0.0.1"])])
def test_a_name_is_served_at_all_addresses_that_the_machine_has(port, expected):
    """Without IPv6 `localhost` is IPv4 alone; a port of the system's choice is one port."""
    found = addresses(
        "localhost",
        port,
        allow_remote=False,
        lookup=lambda host, port: ["::1", "127.0.0.1", "127.0.0.2"],
        probe=lambda address, port: errno.EADDRNOTAVAIL if ":" in address else 0,
    )
    assert found == expected


@pytest.mark.parametrize(
    ("number", "message"),
    [(errno.EACCES, "port 80 needs privileges"), (errno.EADDRINUSE, "port 80 on localhost is in")],
)
def test_a_port_that_cannot_be_had_is_one_line(number, message):
    """And says what to do."""
    with pytest.raises(UserError, match=rf"{message}.*with port=N"):
        addresses("localhost", 80, allow_remote=False, lookup=lambda *_: ["127.0.0.1"], probe=lambda *_: number)

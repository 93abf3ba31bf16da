"""The same application on real sockets."""

import asyncio
import socket
import subprocess
import sys

import httpx2
import openai
import pytest

from harness import clock
from harness.errors import UserError
from harness.mock.app import MockApp
from harness.mock.server import ServerProcess, serve_forever, serving
from harness.profiles import Profile
from tests.mock.conftest import ask

QUICK = Profile.from_dict({"name": "quick", "headers": 0.01, "between_tokens": 0.005, "output_tokens": 4})
MESSAGES = [{"role": "user", "content": "hi"}]


def test_the_sdk_talks_to_the_served_application():
    """Plain and streamed, over TCP."""

    async def main() -> tuple[str, str]:
        async with serving(MockApp(QUICK)) as port:
            http = httpx2.AsyncClient(trust_env=False)
            async with openai.AsyncOpenAI(
                base_url=f"http://127.0.0.1:{port}/v1", api_key="k", http_client=http
            ) as client:
                headers = {"X-Harness-Request": "r"}
                plain = await client.chat.completions.create(model="m", messages=MESSAGES, extra_headers=headers)
                stream = await client.chat.completions.create(
                    model="m", messages=MESSAGES, stream=True, extra_headers=headers
                )
                parts = [chunk.choices[0].delta.content or "" async for chunk in stream]
                return plain.choices[0].message.content, "".join(parts)

    plain, streamed = clock.run(main, clock="real")
    assert plain == streamed
    assert len(plain.split()) == 4


def test_nothing_is_sent_before_its_time():
    """On real sockets the log's real times follow the planned ones."""
    app = MockApp(QUICK)

    async def main() -> None:
        async with serving(app) as port, httpx2.AsyncClient(trust_env=False) as client:
            await client.post(f"http://127.0.0.1:{port}/v1/chat/completions", json=ask(stream=True))

    clock.run(main, clock="real")
    (line,) = app.log
    assert all(event["real_s"] >= event["planned_s"] - 0.001 for event in line["events"])


def test_a_disconnect_is_noticed_on_real_sockets():
    """A client that gives up ends its attempt at the server."""
    app = MockApp(Profile.from_dict({"name": "never", "headers": 3600}))

    async def main() -> None:
        async with serving(app) as port:
            async with httpx2.AsyncClient(trust_env=False) as client:
                with pytest.raises(httpx2.ReadTimeout):
                    await client.post(f"http://127.0.0.1:{port}/v1/chat/completions", json=ask(), timeout=0.05)
            # Another process, the kernel, closes the connection: there is no event to wait for.
            for _ in range(2000):
                if not app.log.counts["in_flight"]:
                    return
                await asyncio.sleep(0.005)

    clock.run(main, clock="real")
    (line,) = app.log
    assert line["disconnected_s"] >= 0.04


def test_a_server_process_answers_and_ends_with_its_block():
    """It is there inside the block and gone after it."""
    with ServerProcess(QUICK, seed=5) as server, httpx2.Client(trust_env=False) as client:
        health = client.get(server.base_url.removesuffix("/v1") + "/health").json()
        process = server._process
    assert (health["status"], health["profile"], health["seed"]) == ("ok", "quick", 5)
    assert process.returncode == 0


def test_a_server_process_ends_when_its_parent_is_gone():
    """A parent that is killed closes the pipe, which is what the server waits for."""
    code = (
        "import os\nfrom harness.mock.server import ServerProcess\nfrom harness.profiles import Profile\n"
        "server = ServerProcess(Profile('p')).__enter__()\nprint(server._process.pid, flush=True)\nos._exit(9)"
    )
    parent = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    pid = int(parent.stdout)
    assert _ended(pid), "the server outlived its parent"


def _ended(pid: int) -> bool:
    """Whether a process ends within half a minute."""
    for _ in range(600):
        if _state(pid) in {"", "Z"}:
            return True
        asyncio.run(asyncio.sleep(0.05))
    return False


def _state(pid: int) -> str:
    """The state of a process in one letter, empty when there is none."""
    found = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return found.stdout.strip()[:1]


def test_a_port_in_use_is_one_line():
    """And says what to do."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=rf"port {port} on 127\.0\.0\.1 is in use; choose another with port=N"):
            serve_forever(QUICK, port=port)


def test_only_loopback_is_served_unless_asked_for():
    """A mock that the whole network can reach must be wanted."""
    with pytest.raises(UserError, match=r"not loopback.*allow_remote=true"):
        serve_forever(QUICK, host="0.0.0.0")


def test_an_unknown_host_is_one_line():
    """And says what to do."""
    with pytest.raises(UserError, match=r"no such host: no\.such\.host\.invalid"):
        serve_forever(QUICK, host="no.such.host.invalid")


def test_a_server_opens_as_many_connections_as_the_system_allows():
    """Many systems start processes with 1,024 descriptors, of which thousands of stalled streams need more."""
    resource = pytest.importorskip("resource")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    script = (
        f"import resource as r; r.setrlimit(r.RLIMIT_NOFILE, (64, {most}));"
        "from harness.mock.server import settle; settle(); print(r.getrlimit(r.RLIMIT_NOFILE)[0])"
    )
    said = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    assert int(said) == most > 64

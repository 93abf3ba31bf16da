"""Real clients against `harness serve`, as their users install them: all must read the same answers.

    pytest tests/compat -m compat

Each is installed from its registry into an environment of its own (see `tests/environments.py`), which the first run
waits for. The reference is the plain JSON of the same answer.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from harness.mock.server import ServerProcess
from harness.profiles import Profile
from tests import environments

pytestmark = pytest.mark.compat

CLIENTS = Path(__file__).parent / "clients"
LENGTH = 16


@pytest.fixture
def urls():
    """A server without latency, and one that fails the first attempt of every request."""
    failing = {"kind": "status_error", "probability": 1, "status": 500, "first_attempts": 1}
    healthy = Profile.from_dict({"name": "healthy", "output_tokens": LENGTH})
    flaky = Profile.from_dict({"name": "flaky", "output_tokens": LENGTH, "faults": [failing]})
    with ServerProcess(healthy) as one, ServerProcess(flaky) as other:
        yield one.base_url, other.base_url


def curl(url: str, *arguments: str, **fields) -> str:
    """What curl prints."""
    body = json.dumps({"model": "m", **fields})
    command = [environments.program("curl"), "-sS", "--noproxy", "*", url, "-d", body, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def read(url: str, **fields) -> str:
    """What the server answers to a GET, or to a POST of fields, without any client library."""
    body = json.dumps({"model": "m", **fields}).encode() if fields else None
    request = urllib.request.Request(url, data=body, headers={"X-Harness-Request": "compat"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=60) as answer:
        return answer.read().decode()


HELLO = [{"role": "user", "content": "hi"}]


def played(command: list[str], urls: tuple[str, str]) -> dict:
    """What a client's script found."""
    free = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    done = subprocess.run([*command, *urls], check=False, capture_output=True, text=True, timeout=180, env=free)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def check(found: dict, urls: tuple[str, str]) -> None:
    """Hold what a client read against the plain answer."""
    url, flaky = urls
    answer = json.loads(read(f"{url}/chat/completions", messages=HELLO))
    text = answer["choices"][0]["message"]["content"]
    assert len(text.split()) == LENGTH
    assert found["plain"] == text
    assert "".join(found["pieces"]) == text
    assert len(found["pieces"]) == LENGTH
    for which in {"tool", "streamed_tool", "response_tool"} & found.keys():
        name, arguments = found[which]
        assert (name, list(json.loads(arguments))) == ("weather", ["city"])
    assert json.loads(found["tool"][1]) == json.loads(found["streamed_tool"][1])
    assert found["usage"] == [LENGTH]
    status, parameter, code = found["error"]
    assert (status, code) == (400, "invalid_value")
    assert parameter in {"max_tokens", "max_completion_tokens"}
    assert found["embeddings"] == [8, 8]
    assert found["retried"] == [text, 500]
    if "completion" in found:
        assert len(found["completion"].split()) == LENGTH
    if "response" in found:
        assert len(found["response"].split()) == LENGTH
        assert "".join(found["response_pieces"]) == found["response"]
        assert len(found["response_pieces"]) == LENGTH
    if "response_events" in found:
        assert found["response_events"] == ["response.created", "response.completed"]
    log = read(f"{flaky.removesuffix('/v1')}/_harness/log")
    attempts = [(line["request"], line["attempt"], line["status"]) for line in map(json.loads, log.splitlines())]
    assert attempts == [("compat", 1, 500), ("compat", 2, 200), ("once", 1, 500)]


@pytest.mark.parametrize(
    ("name", "requirements"),
    [
        ("openai-1", ["openai<2"]),
        ("openai-2", ["openai<3"]),
        ("openai-newest", ["openai"]),
        ("langchain", ["langchain-openai"]),
        ("litellm", ["litellm"]),
    ],
)
def test_python_clients(urls, name, requirements):
    """The newest of each major version of the SDK, and what wraps it."""
    script = {"langchain": "langchain_python.py", "litellm": "litellm_python.py"}.get(name, "openai_python.py")
    check(played([str(environments.python(name, *requirements) / "python"), str(CLIENTS / script)], urls), urls)


def test_the_sdk_that_this_project_uses(urls):
    """In this environment."""
    check(played([sys.executable, str(CLIENTS / "openai_python.py")], urls), urls)


@pytest.mark.parametrize(
    ("name", "packages"),
    [("openai_node", ["openai"]), ("vercel_ai", ["ai", "@ai-sdk/openai"])],
)
def test_node_clients(urls, tmp_path, name, packages):
    """Each script is copied beside the packages it imports."""
    folder = environments.node(name, *packages)
    script = folder / f"{name}.mjs"
    script.write_text((CLIENTS / f"{name}.mjs").read_text())
    check(played([environments.program("node"), str(script)], urls), urls)


def test_curl_reads_a_stream_event_by_event(urls):
    """The form of a stream: events with an id, closed by [DONE]; errors with OpenAI's body."""
    url, flaky = urls
    events = curl(f"{url}/chat/completions", "-N", messages=HELLO, stream=True).split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]
    chunks = [json.loads(event.removeprefix("data: ")) for event in events[:-2]]
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None] * (LENGTH + 1) + ["stop"]
    told = curl(f"{flaky}/chat/completions", "-w", "\n%{http_code}", messages=HELLO)
    body, status = told.rsplit("\n", 1)
    assert (status, set(json.loads(body)["error"])) == ("500", {"message", "type", "param", "code"})

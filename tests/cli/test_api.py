"""A real API, played by servers on this machine."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from harness.mock.server import ServerProcess
from harness.profiles import Profile

API = ["run", "target=openai", "strategy=article_10", "workload=smoke", "report=false", "out=run"]
ALLOWED = ["workload.max_tokens=4", "budget.max_requests=1000"]


@pytest.fixture
def api(monkeypatch):
    """An OpenAI-compatible server, and a key that must never be seen again."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    with ServerProcess(Profile.from_dict({"name": "api", "headers": 0.002})) as server:
        yield server.base_url


def test_a_real_api_is_measured(harness, api):
    """In real time, over sockets, and the key is nowhere in what is left."""
    code, out, err = harness(*API, *ALLOWED, f"target.base_url={api}")
    assert code == 0, err
    assert "20 requests: at least 20 expected, at most 360 (retries multiply)\n" in err
    assert "at least 80 output tokens expected, at most 1,440\n" in err
    summary = json.loads(Path("run/summary.json").read_text())
    assert (summary["clock"], summary["cells"][0]["requests"], summary["cells"][0]["failed"]) == ("real", 20, 0)
    left = "".join(path.read_text() for path in Path("run").iterdir() if path.suffix != ".parquet")
    assert "sk-very-secret" not in left + out + err


def test_a_mock_of_ones_own_keeps_its_profile_to_itself(harness, api):
    """Nothing is foreseen, bounded or said from the run's profile, which the server does not play."""
    words = ["run", "clock=real", "profile=incident", "time_scale=0.5", "workload=smoke", "report=false", "out=run"]
    code, _, err = harness(*words, "strategy=article_10", f"target.base_url={api}")
    assert code == 0, err
    assert f"times of the client x 0.5, against {api}\n" in err
    assert "profile   incident" not in err
    summary = json.loads(Path("run/summary.json").read_text())
    bounds = summary["cells"][0]["bounds"]
    assert (bounds["source"], bounds["why_not"]) == (None, "the run folder does not hold the profile.")


def test_a_forgotten_v1_is_one_line(harness, api):
    """A mock lists its models, so that its address can be looked at."""
    words = ["run", "clock=real", "workload=smoke", "report=false", "out=run"]
    code, out, err = harness(*words, f"target.base_url={api.removesuffix('/v1')}")
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert err.endswith("lists no models (HTTP 404); the address that `harness serve` says ends in /v1\n")
    assert not Path("run").exists()


def test_a_real_api_needs_a_budget(harness, api):
    """20 requests can become 360 attempts; without consent not one is sent."""
    code, out, err = harness(*API, f"target.base_url={api}")
    assert (code, out) == (4, "")
    assert "20 requests, at most 360 HTTP attempts (retries multiply) and an unlimited number of output tokens" in err
    assert "budget.max_requests=N and workload.max_tokens=N" in err
    assert not Path("run").exists()


def test_a_budget_below_what_may_be_sent_is_refused(harness, api):
    """Whatever the target: it says how much may be sent."""
    code, _, err = harness(*API, f"target.base_url={api}", "workload.max_tokens=4", "budget.max_requests=359")
    assert code == 4
    assert "may send 360 HTTP attempts, more than budget.max_requests=359" in err


def test_a_missing_key_is_one_line(harness):
    """It names the variable."""
    code, _, err = harness(*API, *ALLOWED)
    assert (code, err) == (2, "error: target=openai needs a key: set the environment variable OPENAI_API_KEY\n")


@pytest.mark.parametrize("end", ["\n", "\r", " ", "\u2019", "\u2028"])
def test_a_key_that_no_header_can_carry_is_one_line(harness, api, monkeypatch, end):
    """Before anything is sent, and without a word of it."""
    monkeypatch.setenv("OPENAI_API_KEY", f"sk-very-secret{end}")
    code, out, err = harness(*API, *ALLOWED, f"target.base_url={api}")
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert err.startswith("error: OPENAI_API_KEY has ")
    assert "secret" not in err


def test_a_server_that_refuses_is_one_line(harness, monkeypatch):
    """A port that nobody listens on."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    code, _, err = harness(*API, *ALLOWED, "target.base_url=http://127.0.0.1:9/v1")
    assert code == 2
    assert err.startswith("error: cannot reach http://127.0.0.1:9/v1 (")
    assert len(err.splitlines()) == 1
    assert not Path("run").exists()


def test_a_name_that_does_not_resolve_is_one_line(harness, monkeypatch):
    """The reserved domain never does."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    code, _, err = harness(*API, *ALLOWED, "target.base_url=http://no.such.host.invalid/v1")
    assert code == 2
    assert err.startswith("error: cannot reach http://no.such.host.invalid/v1")


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path.startswith(("/turns", "/packs")):
            self.send_response(307 if self.path.startswith("/turns") else 200)
            self.send_header("Location", self.path)
            self.send_header("Content-Encoding", "gzip" if self.path.startswith("/packs") else "identity")
            self.end_headers()
            self.wfile.write(b"this is not gzip")
            return
        status = 401 if self.path.startswith("/refuses") else 200
        self.send_response(status)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<html>hello</html>")

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def website():
    """A server that is no API."""
    server = HTTPServer(("127.0.0.1", 0), _Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/v1", "is not an OpenAI-compatible API (HTTP 200, text/html)"),
        ("/refuses", "refused the key (HTTP 401); check OPENAI_API_KEY"),
        ("/turns", "(Exceeded maximum allowed redirects.); check target.base_url"),
        ("/packs", "(Error -3 while decompressing data: incorrect header check); check target.base_url"),
    ],
)
def test_a_website_is_no_api(harness, monkeypatch, website, path, message):
    """HTML instead of JSON, a key that is refused, redirects without an end, or what cannot be unpacked."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    code, _, err = harness(*API, *ALLOWED, f"target.base_url={website}{path}")
    assert code == 2
    assert message in err
    assert "sk-very-secret" not in err

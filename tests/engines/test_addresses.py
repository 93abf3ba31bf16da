"""A cluster's address is looked at before its library is, and what is wrong with it is one line."""

from __future__ import annotations

import socket
import sys
import threading

import pytest

from harness.config import compose
from harness.engines import engine_named
from harness.engines.addresses import Address, check_greets, check_grpc
from harness.engines.clusters import few, foreign, granted
from harness.engines.shipping import modules, staged
from harness.errors import UserError


class Answering:
    """A server that answers the first thing it hears with the same words, or says them before it is asked."""

    def __init__(self, words: bytes, *, asked: bool = True) -> None:
        self._asked = asked
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = Address("", "127.0.0.1", self._server.getsockname()[1])
        threading.Thread(target=self._answer, args=(words,), daemon=True).start()

    def _answer(self, words: bytes) -> None:
        with self._server:
            connection, _ = self._server.accept()
            with connection:
                if self._asked:
                    connection.recv(100)
                connection.sendall(words)


@pytest.mark.parametrize("text", ["127.0.0.1:6379", "tcp://head.example:8786", "[::1]:6379"])
def test_an_address_is_written_back_as_it_was_read(text):
    """With its scheme, and with brackets around an address of IPv6."""
    assert str(Address.of(text)) == text


@pytest.mark.parametrize("text", ["head", "head:0", "head:70000", "head:port", ":6379", "head:6379/x"])
def test_what_is_no_address_is_refused(text):
    """With what one looks like."""
    with pytest.raises(UserError, match=r"cluster\.address: an address looks like HOST:PORT"):
        compose("article", ["engine=ray", f"cluster.address='{text}'"])


def test_an_address_takes_no_password_and_does_not_repeat_it():
    """What is in the settings is recorded."""
    with pytest.raises(UserError, match="no user or password") as error:
        compose("article", ["engine=dask", "cluster.address='tcp://me:secret@head:8786'"])
    assert "secret" not in str(error.value)


def test_nobody_at_an_address_is_said():
    """The port of a server that has gone."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        gone = Address("", "127.0.0.1", server.getsockname()[1])
    with pytest.raises(UserError, match=f"cannot reach a Ray cluster at {gone} .connection refused."):
        check_grpc(gone, "a Ray cluster")


def test_another_service_at_an_address_is_said():
    """A web server does not begin with the settings of HTTP/2."""
    server = Answering(b"HTTP/1.0 400 Bad Request\r\n\r\n")
    with pytest.raises(UserError, match=f"what listens at {server.address} is not a Ray cluster"):
        check_grpc(server.address, "a Ray cluster")


def test_a_server_of_http_2_passes():
    """Its first frame is one of settings."""
    check_grpc(Answering(bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))).address, "a Ray cluster")


def test_who_does_not_greet_is_said():
    """One who speaks only when asked, and one who greets with other words."""
    for server in (Answering(b"late"), Answering(b"SSH-2.0-x", asked=False)):
        with pytest.raises(UserError, match=f"what listens at {server.address} is not a Dask scheduler"):
            check_greets(server.address, "a Dask scheduler", b"hello")
    check_greets(Answering(b"well, hello", asked=False).address, "a Dask scheduler", b"hello")


def test_fewer_workers_than_wanted_are_said_and_taken():
    """No line where there are enough, or where none were asked for."""
    assert few(8, 2, "the cluster") == "cluster.workers=8, but the cluster has 2 free: going on with 2"
    assert (few(2, 2, "the cluster"), few(None, 2, "the cluster")) == (None, None)
    assert [granted(8, 2, 100), granted(2, 8, 100), granted(None, 8, 3), granted(None, 8, None)] == [2, 2, 3, 8]


def test_foreign_versions_are_said_together():
    """What is equal or not told is no difference."""
    ours = {"Ray": "2.60.0", "Python": "3.11.7"}
    foreign("the cluster", {"Ray": "2.60.0", "Python": None}, ours)
    with pytest.raises(UserError, match=r"runs Python 3\.10\.1, this command Python 3\.11\.7; they must be"):
        foreign("the cluster", {"Ray": "2.60.0", "Python": "3.10.1"}, ours)


def test_what_is_sent_holds_the_code_and_the_settings():
    """As an install has them, and it is gone when it has been sent."""
    with staged() as code:
        assert [path.name for path in code] == [path.name for path in modules()]
        harness = next(path for path in code if path.name == "harness")
        assert (harness / "runner" / "tasks.py").is_file()
        assert (harness / "conf" / "config.yaml").is_file()
        assert not list(harness.rglob("__pycache__"))
    assert not harness.exists()


@pytest.mark.parametrize(("name", "library"), [("ray", "ray"), ("dask", "distributed")])
def test_an_extra_that_is_missing_is_said_with_its_command(name, library, monkeypatch):
    """Nothing is started."""
    monkeypatch.setitem(sys.modules, library, None)
    with (
        pytest.raises(UserError, match=rf"engine={name} needs \w+: pip install 'llm-tail-harness\[{name}\]'"),
        engine_named(name, most=1, options={}),
    ):
        pass


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["engine=dask", "clock=real"], "engine=dask needs clock=virtual"),
        (["engine=ray", "clock=real", "cluster.address=h:1"], "engine=ray with clock=real needs target.base_url: "),
        (["cluster.workers=2"], "cluster.address and cluster.workers need engine=ray or engine=dask"),
        (["engine=ray", "cluster.workers=0"], "cluster.workers: "),
    ],
)
def test_settings_of_clusters_that_mean_nothing_are_refused(words, said):
    """Before anything is joined."""
    with pytest.raises(UserError, match=said):
        compose("article", words)

"""One look at a cluster's address before its library is let loose on it, which retries a wrong one for minutes."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from harness.errors import UserError

#: Seconds that a connection may take, and those that whoever listens may take to say what it is.
CONNECT_S, ANSWER_S = 3.0, 1.5

#: How a client of HTTP/2, and so of gRPC, begins: the preface and an empty SETTINGS frame (RFC 9113, section 3.4).
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
#: The type of a SETTINGS frame, with which a server begins; it stands in the fourth byte.
_SETTINGS = 4

_ADDRESS = re.compile(r"(?P<scheme>[a-z]+://)?(?P<host>\[[0-9a-fA-F:.]+\]|[\w.-]+):(?P<port>\d{1,5})", re.ASCII)


@dataclass(frozen=True)
class Address:
    """Where a cluster is: a scheme such as `tcp://`, if one was written, a host and a port."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, text: str) -> Address:
        """Raises ValueError for anything but HOST:PORT, perhaps with a scheme; a password has no place in it."""
        if "@" in text:
            raise ValueError("no user or password in an address: it would be recorded")
        found = _ADDRESS.fullmatch(text)
        if found is None or not 1 <= int(found["port"]) <= 65535:
            raise ValueError(f"an address looks like HOST:PORT, not '{text}'")
        return cls(found["scheme"] or "", found["host"].strip("[]"), int(found["port"]))

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}{host}:{self.port}"


def connect(address: Address, what: str) -> socket.socket:
    """A connection to where a cluster should be, which is `what`. Raises UserError within CONNECT_S seconds."""
    try:
        return socket.create_connection((address.host, address.port), timeout=CONNECT_S)
    except TimeoutError:
        reason = f"no answer within {CONNECT_S:g} s"
    except socket.gaierror:
        reason = "no such host"
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
    raise UserError(f"cannot reach {what} at {address} ({reason}); check cluster.address, or leave it out to start one")


def check_grpc(address: Address, what: str) -> None:
    """Make sure that a server of gRPC listens there. Raises UserError within CONNECT_S + ANSWER_S seconds."""
    if _heard(address, what, says=_PREFACE, until=lambda answer: len(answer) >= 4)[3:4] != bytes((_SETTINGS,)):
        raise _another(address, what)


def check_greets(address: Address, what: str, greeting: bytes) -> None:
    """Make sure that who listens there speaks first, with a greeting in what is said. Raises UserError as above."""
    if greeting not in _heard(address, what, says=b"", until=lambda answer: greeting in answer):
        raise _another(address, what)


def _heard(address: Address, what: str, *, says: bytes, until: Callable[[bytes], bool]) -> bytes:
    """What is answered within ANSWER_S seconds, as far as it is needed."""
    answer, ends = b"", time.monotonic() + ANSWER_S
    with connect(address, what) as connection, suppress(OSError):
        connection.settimeout(ANSWER_S)
        connection.sendall(says)
        while not until(answer) and time.monotonic() < ends and (more := connection.recv(1024)):
            answer += more
    return answer


def _another(address: Address, what: str) -> UserError:
    return UserError(f"what listens at {address} is not {what}; check the port of cluster.address")

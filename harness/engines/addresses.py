"""One look at a cluster's address before its library is let loose on it, which retries a wrong one for minutes."""

from __future__ import annotations

import re
import socket
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
    with connect(address, what) as connection:
        connection.settimeout(ANSWER_S)
        answer = b""
        with suppress(OSError):
            connection.sendall(_PREFACE)
            while len(answer) < 4 and (more := connection.recv(9)):
                answer += more
    if answer[3:4] != bytes((_SETTINGS,)):
        raise UserError(f"what listens at {address} is not {what}; check the port of cluster.address")

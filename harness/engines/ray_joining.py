"""Joining a Ray cluster: what its library reads from the environment, and what can be wrong, in one line each."""

from __future__ import annotations

import json
import os
import platform
import secrets
import subprocess
import sys
from importlib.metadata import version
from typing import Any

from harness.engines.clusters import foreign
from harness.errors import UserError

#: Seconds after which a probe of an address is given up, most of which are for importing Ray.
PROBE_S = 20.0


def settle_environment(*, joins: bool) -> None:
    """What Ray reads from the environment before it is imported. A token is there or nowhere."""
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    if not joins and os.environ.get("RAY_AUTH_MODE", "token") == "token" and "RAY_AUTH_TOKEN_PATH" not in os.environ:
        # A cluster of one's own is open to nobody else, and Ray would keep a token in the home folder.
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    if os.environ.keys() & {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"}:
        os.environ.setdefault("RAY_AUTH_MODE", "token")


def check(address: str) -> None:
    """Make sure that the cluster lets this process in and is of its versions. Raises UserError."""
    answer = _probe(address)
    error = answer.get("error")
    if error == "token":
        given = "is wrong" if os.environ.keys() & {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} else "is missing"
        raise UserError(f"the Ray cluster at {address} wants a token, which {given}; set RAY_AUTH_TOKEN to it")
    if error == "elsewhere":
        raise UserError(
            f"Ray joins a cluster of this machine at {answer['joined']}, where nothing answers; "
            "start its head without --node-ip-address, or with the address of this machine"
        )
    if error == "silent":
        raise UserError(f"what listens at {address} does not answer as a Ray cluster does; check cluster.address")
    if error is not None:
        raise UserError(f"cannot join the Ray cluster at {address} ({answer['reason']}); check cluster.address")
    versions = answer["versions"]
    theirs = {"Ray": versions.get("ray_version"), "Python": versions.get("python_version")}
    foreign(f"the Ray cluster at {address}", theirs, {"Ray": version("ray"), "Python": platform.python_version()})
    if answer["here"] not in answer["nodes"]:
        raise UserError(
            f"no node of the Ray cluster at {address} is on this machine ({answer['here']}), and Ray joins through "
            f"one; run the command on a node, or make this machine one: ray start --address={address}"
        )


def _probe(address: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "harness.engines.ray_probe", address]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=PROBE_S, check=True)  # noqa: S603
        answer: dict[str, Any] = json.loads(found.stdout)
    except (subprocess.SubprocessError, ValueError):
        return {"error": "silent"}
    return answer

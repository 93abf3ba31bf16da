"""Other people's programs, each installed once into an environment of its own below `tests/.environments`.

What cannot be installed (no registry, no Node) skips the test that wanted it, and says why.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

CACHE = Path(__file__).parent / ".environments"
#: Seconds that an installation may take before the test is skipped.
LIMIT_S = 240


def python(name: str, *requirements: str, compiled: bool = False, limit_s: float = LIMIT_S) -> Path:
    """The folder of the programs of a virtual environment that holds the requirements.

    Most of what is installed is never imported: it is `compiled` only where start-up is measured.
    """

    def install(folder: Path) -> None:
        own = str(folder / "bin/python")
        # Environments that uv made have no pip to lend.
        lent = find_spec("pip") is not None
        pip = [sys.executable, "-m", "pip", "--python", own] if lent else [own, "-m", "pip"]
        _call([sys.executable, "-m", "venv", *(["--without-pip"] if lent else []), str(folder)], limit_s)
        _call([*pip, "install", "--quiet", *([] if compiled else ["--no-compile"]), *requirements], limit_s)

    return _made(name, [*requirements, *(["compiled"] if compiled else [])], install) / "bin"


def node(name: str, *packages: str, limit_s: float = LIMIT_S) -> Path:
    """A folder with the packages in `node_modules`."""
    if shutil.which("npm") is None:
        pytest.skip(f"{name}: Node is not installed")

    def install(folder: Path) -> None:
        folder.mkdir(parents=True)
        (folder / "package.json").write_text(json.dumps({"private": True, "type": "module"}))
        _call(["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), *packages], limit_s)

    return _made(name, packages, install)


def program(name: str) -> str:
    """The path of an installed program."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def _made(name: str, wanted: Sequence[str], install: Callable[[Path], None]) -> Path:
    key = hashlib.sha256("\n".join([sys.version, *wanted]).encode()).hexdigest()[:12]
    folder = CACHE / f"{name}-{key}"
    complete = folder / ".complete"
    if not complete.exists():
        shutil.rmtree(folder, ignore_errors=True)
        try:
            install(folder)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            shutil.rmtree(folder, ignore_errors=True)
            said = (error.stderr or b"").decode(errors="replace").strip().splitlines()
            pytest.skip(f"{name} cannot be installed: {said[-1] if said else error}")
        complete.touch()
    return folder


def _call(command: Sequence[str], limit_s: float) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=limit_s)

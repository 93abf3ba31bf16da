"""Other people's programs that this project is measured beside, each in an environment of its own."""

from __future__ import annotations

from pathlib import Path

from tests import environments

#: torch is what guidellm brings: a version that has a build without a GPU's libraries where the machine offers one.
GUIDELLM = ("guidellm==0.8.1", "torch==2.13.0")
AIPERF = ("aiperf==0.13.0",)
LLMOCK = ("llmock==0.2.2",)
GRANIAN = ("granian[uvloop]==2.8.9",)
AIMOCK = ("@copilotkit/aimock@1.43.0",)
LIMIT_S = 1800


def guidellm() -> Path:
    """The folder of its programs."""
    return environments.python("guidellm", *GUIDELLM, compiled=True, limit_s=LIMIT_S)


def aiperf() -> Path:
    """The folder of its programs."""
    return environments.python("aiperf", *AIPERF, compiled=True, limit_s=LIMIT_S)


def llmock() -> Path:
    """The folder of its programs."""
    return environments.python("llmock", *LLMOCK, compiled=True)


def granian() -> Path:
    """The folder of its programs."""
    return environments.python("granian", *GRANIAN, compiled=True)


def aimock() -> Path:
    """The folder of its programs."""
    return environments.node("aimock", *AIMOCK) / "node_modules" / ".bin"


def version(programs: Path, package: str) -> str:
    """Which version of a package an environment got."""
    (found,) = programs.parent.glob(f"lib/python*/site-packages/{package}-*.dist-info")
    return found.name.removesuffix(".dist-info").rpartition("-")[2]

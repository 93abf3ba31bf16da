"""The code that workers elsewhere play: the harness itself with its settings, and kinds from modules of one's own."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.faults import Fault
from harness.places import packaged
from harness.strategies import Strategy

#: How a machine gets what the code that is sent imports.
NEEDS = "pip install llm-tail-harness"


def modules() -> list[Path]:
    """The files and folders of the top-level modules that are needed: the harness, and whoever registered a kind."""
    kinds = [*Strategy.register.values(), *Fault.register.values()]
    names = dict.fromkeys(["harness", *(kind.__module__.partition(".")[0] for kind in kinds)])
    return [_place(name) for name in names if name != "__main__"]


def _place(name: str) -> Path:
    """Where a top-level module is: a folder for a package, else a file."""
    found = Path(str(sys.modules[name].__file__))
    return found.parent if found.name == "__init__.py" else found


@contextmanager
def staged() -> Iterator[list[Path]]:
    """Copies of all that is sent, in a folder that goes when the block ends; settings are where an install has them."""
    with tempfile.TemporaryDirectory(prefix="harness-code-") as folder:
        yield [_copied(path, Path(folder)) for path in modules()]


def _copied(path: Path, folder: Path) -> Path:
    target = folder / path.name
    if path.is_file():
        shutil.copyfile(path, target)
        return target
    shutil.copytree(path, target, ignore=shutil.ignore_patterns("__pycache__", "conf"))
    if path.name == "harness":
        shutil.copytree(packaged(), target / "conf")
    return target

"""Where settings are on disk. Nothing is read here, so that completion in a shell can ask for names in no time."""

from __future__ import annotations

from pathlib import Path


def packaged() -> Path:
    """The settings that come with the harness.

    A checkout's own `conf` comes first: an editable install leaves a stale copy of it in site-packages.
    """
    package = Path(__file__).resolve().parent
    for place in (package.parent / "conf", package / "conf"):
        if (place / "config.yaml").is_file():
            return place
    raise FileNotFoundError(f"no conf/config.yaml beside {package}")


def directories() -> list[Path]:
    """The packaged settings, and the `conf` folder of the current directory when that is another one."""
    own = Path.cwd() / "conf"
    found = packaged()
    return [found, own] if own.is_dir() and own.resolve() != found else [found]


def members(group: str) -> dict[str, Path]:
    """The files of a group by name; the user's own come behind, and do not replace packaged ones."""
    found: dict[str, Path] = {}
    for directory in directories():
        for path in sorted((directory / group).glob("*.yaml")):
            found.setdefault(path.stem, path)
    return found

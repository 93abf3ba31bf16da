"""What the machine gives: cores, open files, disk, a terminal, a place for the cache of fonts."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from harness import engines
from harness.doctor.base import Finding

#: Requests in flight of the packaged workloads, each with a copy; and files that are open besides, as a run has it.
IN_FLIGHT, SPARE = 100, 64
MEGABYTE = 1024**2
#: Free megabytes below which a run fills the disk, and below which it should not begin.
LITTLE_MB, NONE_MB = 1024, 64
COLUMNS = 80


def cores() -> Finding:
    """How many trials can be played at once in virtual time."""
    return judge_cores(engines.cores())


def judge_cores(count: int) -> Finding:
    """More is faster; in real time one would be shared by the client and the mock."""
    if count > 1:
        return Finding("cores", "ok", f"{count}, for as many trials at once in virtual time")
    return Finding(
        "cores", "warn", "1, which the client and the mock share with clock=real", "prefer clock=virtual here"
    )


def open_files() -> Finding:
    """How many connections one process can have: a run raises its limit by itself as far as it may."""
    from harness.runner.open_files import allowed

    return judge_open_files(allowed())


def judge_open_files(limit: int | None) -> Finding:
    """Whether so many files are enough for the packaged workloads with clock=real."""
    if limit is None:
        return Finding("open files", "ok", "unlimited")
    found = f"{limit:,} at most, enough for {max(0, (limit - SPARE) // 2):,} requests in flight and a copy of each"
    if limit >= 2 * IN_FLIGHT + SPARE:
        return Finding("open files", "ok", found)
    return Finding("open files", "warn", found, "before a run with clock=real: ulimit -n 4096")


def disk() -> Finding:
    """The folder in which run folders are made."""
    here = Path.cwd()
    return judge_disk(shutil.disk_usage(here).free, writable=os.access(here, os.W_OK))


def judge_disk(free: int, *, writable: bool) -> Finding:
    """Whether there is room for run folders; `free` in bytes."""
    if not writable:
        return Finding(
            "disk", "fail", "this folder cannot be written to, and run folders are made in it", "go to another, or out="
        )
    found = f"{free / MEGABYTE / 1024:,.1f} GB free here"
    if free < NONE_MB * MEGABYTE:
        return Finding("disk", "fail", found, "make room, or choose another place with out=")
    if free < LITTLE_MB * MEGABYTE:
        return Finding("disk", "warn", found, "a run of a million requests takes about 1 GB")
    return Finding("disk", "ok", found)


def terminal() -> Finding:
    """What results are shown on."""
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    return judge_terminal(columns, sys.stdout.encoding or "", os.environ)


def judge_terminal(columns: int | None, encoding: str, variables: Mapping[str, str]) -> Finding:
    """Whether it is wide enough and knows the signs that are printed; None is no terminal."""
    if encoding.lower().replace("-", "") not in {"utf8", "utf8sig"}:
        return Finding("terminal", "warn", f"writes {encoding or 'an unknown encoding'}", "export PYTHONUTF8=1")
    if columns is None:
        return Finding("terminal", "ok", "none: plain text, without colours and bars")
    if columns < COLUMNS:
        return Finding(
            "terminal", "warn", f"{columns} columns, so that tables break", f"make it {COLUMNS} columns wide"
        )
    colours = "no colours (NO_COLOR)" if variables.get("NO_COLOR") else "colours"
    return Finding("terminal", "ok", f"{columns} columns, {colours}")


def fonts() -> Finding:
    """Where matplotlib keeps its list of fonts, without which every report looks for them anew."""
    return judge_fonts(_writable(cache_of_fonts(os.environ, Path.home())))


def cache_of_fonts(variables: Mapping[str, str], home: Path) -> Path:
    """The folder that matplotlib chooses."""
    if own := variables.get("MPLCONFIGDIR"):
        return Path(own)
    if sys.platform.startswith(("linux", "freebsd")):
        return Path(variables.get("XDG_CACHE_HOME") or home / ".cache") / "matplotlib"
    return home / ".matplotlib"


def judge_fonts(writable: bool) -> Finding:
    """Whether it can be kept."""
    if writable:
        return Finding("font cache", "ok", "can be written, so figures are quick")
    advice = "export MPLCONFIGDIR=DIR, a folder that can be written"
    return Finding("font cache", "warn", "cannot be written: every report looks for fonts anew", advice)


def _writable(path: Path) -> bool:
    """Whether a folder can be written to, or made."""
    there = next((one for one in (path, *path.parents) if one.exists()), None)
    return there is not None and there.is_dir() and os.access(there, os.W_OK)

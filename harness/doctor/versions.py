"""Python and the packages, held against what pyproject.toml requires."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, metadata, requires, version

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from harness.doctor.base import Finding

DISTRIBUTION = "llm-tail-harness"
_INSTALL = f"pip install --upgrade {DISTRIBUTION}"


def python() -> Finding:
    """The interpreter."""
    try:
        wanted = metadata(DISTRIBUTION)["Requires-Python"] or ""
    except PackageNotFoundError:
        wanted = ""
    return judge_python(platform.python_version(), wanted)


def judge_python(running: str, wanted: str) -> Finding:
    """Whether a version of Python is one that is wanted."""
    found = f"{running} (wanted: {wanted or 'any'})"
    if SpecifierSet(wanted).contains(running, prereleases=True):
        return Finding("python", "ok", found)
    return Finding("python", "fail", found, "make a new environment with a newer Python")


def packages() -> Finding:
    """What the harness requires, without the SDK, which has a line of its own."""
    return judge_packages([one for one in _requirements() if one.name != "openai"], _version)


def sdk() -> Finding:
    """The SDK whose timeouts and retries are measured."""
    return judge_packages([one for one in _requirements() if one.name == "openai"], _version, name="openai SDK")


def judge_packages(
    requirements: Iterable[Requirement], installed: Callable[[str], str | None], *, name: str = "packages"
) -> Finding:
    """Whether each required package is there, and in a version that fits."""
    needed = list(requirements)
    if not needed:
        return Finding(name, "warn", f"{DISTRIBUTION} is not installed, so what it requires is not known", _INSTALL)
    wrong = []
    for one in needed:
        there = installed(one.name)
        if there is None:
            wrong.append(f"{one.name} is missing (wanted: {one.specifier or 'any'})")
        elif not one.specifier.contains(there, prereleases=True):
            wrong.append(f"{one.name} {there} (wanted: {one.specifier})")
    if wrong:
        return Finding(name, "fail", "; ".join(wrong), _INSTALL)
    if len(needed) == 1:
        return Finding(name, "ok", f"{installed(needed[0].name)} (wanted: {needed[0].specifier or 'any'})")
    return Finding(name, "ok", f"all {len(needed)} that are required, in versions that fit")


def _requirements() -> list[Requirement]:
    """The distribution's own requirements, without those of extras and of other systems."""
    try:
        found = [Requirement(text) for text in requires(DISTRIBUTION) or ()]
    except PackageNotFoundError:
        return []
    return [one for one in found if one.marker is None or one.marker.evaluate({"extra": ""})]


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None

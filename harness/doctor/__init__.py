"""Does everything work here? One check after the other, each with what to do where it does not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from harness.doctor import clocks, environment, machine, network, versions, virtual
from harness.doctor.base import Check, Finding, Status

__all__ = ["CHECKS", "Check", "Finding", "Status", "examine", "failed"]

#: In the order in which one would ask; some answer two questions at once.
CHECKS: tuple[Callable[[], Finding | tuple[Finding, ...]], ...] = (
    versions.python,
    versions.packages,
    versions.sdk,
    environment.key,
    environment.base_url,
    environment.proxies,
    network.port,
    network.round_trip,
    clocks.resolution,
    clocks.punctuality,
    machine.cores,
    machine.open_files,
    machine.disk,
    machine.terminal,
    machine.fonts,
    virtual.virtual_time,
)


def examine(checks: Iterable[Callable[[], Finding | tuple[Finding, ...]]] = CHECKS) -> Iterator[Finding]:
    """What each check finds, as it is found. A check that breaks is a finding too."""
    for check in checks:
        try:
            found = check()
        except Exception as error:
            name = getattr(check, "__name__", "check").replace("_", " ")
            yield Finding(name, "fail", f"could not be looked at ({type(error).__name__}: {error})", "report this")
            continue
        yield from found if isinstance(found, tuple) else (found,)


def failed(findings: Iterable[Finding]) -> bool:
    """Whether something does not work; warnings do not count."""
    return any(one.status == "fail" for one in findings)

"""The cells of a matrix: each combination's strategy, workload and profile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from harness.config.errors import did_you_mean, validation_error
from harness.config.files import find, load
from harness.config.matrix import cell_name, expand
from harness.config.recorded import expanded
from harness.config.schema import Cell, Settings
from harness.config.words import AXES_OF_STRATEGY
from harness.config.workloads import at_rate, batch_size, released
from harness.errors import UserError
from harness.faults import AnyFault, Fault
from harness.presets import strategy_named
from harness.profiles import Profile
from harness.strategies import ADAPTER as STRATEGIES
from harness.strategies import Strategy

#: What the matrix can vary.
AXES = AXES_OF_STRATEGY | {"strategy", "profile", "fault", "rate", "batch_size"}
_PROFILE = TypeAdapter(Profile)
_FAULT: TypeAdapter[Fault] = TypeAdapter(AnyFault, config=ConfigDict(defer_build=True))
#: The value of the axis `fault` that adds none.
NO_FAULT = "none"


def validated(adapter: TypeAdapter[Any], value: Any, where: str, schema: type) -> Any:
    """A value as the adapter makes it; `where` is its dotted key, `schema` its type. Raises UserError."""
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        raise validation_error(error, where, schema) from None


def cells_of(settings: Settings) -> list[Cell]:
    """A cell for each combination, in the order of the matrix. Raises UserError."""
    unknown = sorted(set(settings.matrix) - AXES - {"include", "exclude"})
    if unknown:
        raise UserError(f"unknown axis 'matrix.{unknown[0]}'{did_you_mean(unknown[0], AXES)}")
    named, cells = _Named(), dict[str, Cell]()
    for combination in expand(settings.matrix):
        cell = _cell(settings, combination, named)
        if cell.name in cells:
            raise UserError(f"two cells of the matrix are called '{cell.name}'; remove the repeated value")
        cells[cell.name] = cell
    _check_profiles([cell.profile for cell in cells.values()])
    return list(cells.values())


def _check_profiles(profiles: Sequence[Profile]) -> None:
    """Summaries tell servers apart by their names alone."""
    named: dict[str, Profile] = {}
    for profile in profiles:
        if named.setdefault(profile.name, profile) != profile:
            raise UserError(f"two profiles of the matrix have the same `name: {profile.name}`; rename one of them")


def _cell(settings: Settings, combination: dict[str, Any], named: _Named) -> Cell:
    workload = at_rate(settings.workload, combination)
    strategy = released(_strategy(settings, combination, named), workload, combination)
    profile = _profile(settings, combination, named)
    return Cell(
        name=cell_name(combination, strategy.name),
        strategy=strategy,
        workload=workload,
        profile=profile,
        batch_size=batch_size(workload, combination),
        axes=combination,
    )


def _profile(settings: Settings, combination: dict[str, Any], named: _Named) -> Profile:
    """The profile of a cell, with its fault if it has one."""
    profile, fault = settings.profile, settings.fault
    if "profile" in combination:
        profile = named.profile(str(combination["profile"]))
    name = fault.name if fault else NO_FAULT
    if "fault" in combination:
        name = str(combination["fault"])
        fault = None if name == NO_FAULT else named.fault(name)
    if fault is None:
        return profile
    try:
        return profile.with_fault(fault, name)
    except ValidationError as error:
        raise validation_error(error, f"fault {name}", Profile) from None


class _Named:
    """Members by name, each read once: a matrix names the same ones in cell after cell."""

    def __init__(self) -> None:
        self.strategy, self.profile, self.fault = cache(strategy_named), cache(_profile_named), cache(fault_named)


def _profile_named(name: str) -> Profile:
    profile: Profile = validated(_PROFILE, expanded(load(find("profile", name))), f"profile {name}", Profile)
    return profile


def fault_named(name: str) -> Fault:
    """The fault in `fault/NAME.yaml`, packaged or in `./conf`. Raises UserError."""
    fault: Fault = validated(_FAULT, load(find("fault", name)), f"fault {name}", Fault)
    return fault


def _strategy(settings: Settings, combination: dict[str, Any], named: _Named) -> Strategy:
    strategy = settings.strategy
    if "strategy" in combination:
        strategy = named.strategy(str(combination["strategy"]))
    changes = {axis: value for axis, value in combination.items() if axis in AXES_OF_STRATEGY}
    if not changes:
        return strategy
    known = asdict(strategy)
    for axis in changes:
        if axis not in known:
            raise UserError(
                f"matrix.{axis}: the strategy {strategy.name} (kind {known['kind']}) has no such setting; "
                "leave the axis or the strategy out of the matrix, or use exclude"
            )
    changed: Strategy = validated(STRATEGIES, known | changes, "matrix", type(strategy))
    return changed

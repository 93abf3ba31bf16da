"""From words to an experiment: the one place where settings become objects."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, Literal

from pydantic import TypeAdapter

from harness.config.cells import AXES, cells_of, validated
from harness.config.errors import did_you_mean
from harness.config.files import GROUPS, check_syntax, directories, find, load, packaged
from harness.config.recorded import expanded
from harness.config.schema import CLUSTERS, Cell, ClusterSettings, Experiment, Settings
from harness.config.shards import check_shards
from harness.config.words import prepared
from harness.config.workloads import NO_BATCHES
from harness.errors import UserError

_SETTINGS = TypeAdapter(Settings)


def compose(experiment: str | None, words: Sequence[str] = ()) -> Experiment:
    """The experiment that a name and key=value words describe; without a name, one cell of `strategy`.

    Everything is checked here, before the first request. Raises UserError with one or two lines and a suggestion.
    """
    check_syntax()
    if experiment is not None:
        find("experiment", experiment)
    container = _hydra(experiment, words)
    container["profile"] = expanded(container["profile"])
    settings = validated(_SETTINGS, container, "", Settings)
    _check_words(settings, words)
    clock = _clock(settings)
    _check_together(settings, clock)
    settings.workload.check()
    cells = tuple(cells_of(settings))
    check_shards(settings, clock, cells)
    _check_transports(settings, clock, {cell.strategy.transport for cell in cells})
    return Experiment(
        name=experiment or settings.strategy.name,
        settings=settings,
        clock=clock,
        cells=cells,
        reference=_reference(settings, cells, words),
        words=tuple(([experiment] if experiment else []) + list(words)),
        resolved=container,
    )


def _hydra(experiment: str | None, words: Sequence[str]) -> dict[str, Any]:
    """The composed configuration as plain data."""
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    known = [key for key in load(packaged() / "config.yaml") if key != "defaults"]
    overrides = prepared(words, [*known, *(group for group in GROUPS if group != "experiment")])
    if experiment is not None:
        overrides.append(f"experiment={experiment}")
    overrides += [f"hydra.searchpath=[{','.join(f'file://{path}' for path in directories()[1:])}]"]
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(packaged()), version_base="1.3"):
            composed = hydra_compose("config", overrides=overrides)
        container = OmegaConf.to_container(composed, resolve=True)
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(_one_line(error, words)) from None
    if not isinstance(container, dict):
        raise TypeError("a composed configuration is a mapping")
    if "experiment" in container:
        raise UserError(f"{find('experiment', experiment or '')} must begin with the line '# @package _global_'")
    return {str(key): value for key, value in container.items()}


def _one_line(error: Exception, words: Sequence[str]) -> str:
    """Hydra explains at length; its first line says what is wrong, and mostly about which word."""
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    if key := re.match(r"Could not override '(.+)'", text):
        section, _, field = key[1].rpartition(".")
        return f"unknown key '{key[1]}'{did_you_mean(field, _siblings(section))}"
    if ambiguous := re.match(r"Ambiguous value for argument '\+*(.+?)=(.+)'", text):
        name, values = ambiguous.groups()
        return f"'{name}={values}': several values stand in brackets, {name}=[{values}], or make several runs with -m"
    # Which word it was is told by another exception below, in words of Hydra's own.
    override = str(getattr(error, "override", None) or getattr(error.__cause__, "override", "")).lstrip("+")
    if override not in {word.lstrip("+") for word in words}:
        return text
    name, _, value = override.partition("=")
    if not override.isascii() or "mismatched input" in text:
        text = f"what is no plain value stands in quotes, which the shell must leave there: \"{name}='{value}'\""
    elif "NoViableAlt" in text or "viable alternative" in text or "token recognition" in text:
        text = "brackets and quotes must be closed, and a value with a quote in it stands in quotes of the other kind"
    return f"cannot read '{override}': {text}"


def _siblings(section: str) -> list[str]:
    """The keys beside a misspelt one in the primary configuration."""
    content: Any = load(packaged() / "config.yaml")
    for part in section.split("."):
        content = content.get(part) if isinstance(content, dict) else None
    return [str(key) for key in content] if isinstance(content, dict) else []


def _check_words(settings: Settings, words: Sequence[str]) -> None:
    """A word that something else would override without a sound is a mistake."""
    axes = set(settings.matrix)
    for word in words:
        key = word.partition("=")[0].lstrip("+")
        section, _, field = key.partition(".")
        if section in {"strategy", "profile", "fault"} and section in axes:
            advice = f"matrix.{field}=[...]" if field in AXES else f"matrix.{section}=[...]"
            raise UserError(f"'{word}' has no effect: the matrix names its {section} values; use {advice}")
        if section == "workload" and field in {"batches", "batch_size"} and settings.workload.counts_itself:
            counts = "duration_s" if settings.workload.duration_s else "the trace"
            raise UserError(f"'{word}' has no effect: {counts} of the workload says how many requests there are")
        if key == "strategy.dispatch" and word.endswith("=gather") and settings.workload.arrivals is not None:
            raise UserError(NO_BATCHES)
        if key == "strategy.in_flight" and "dispatch" not in axes and settings.strategy.dispatch in {"gather", "open"}:
            how = settings.strategy.dispatch
            raise UserError(f"'{word}' has no effect: dispatch={how} has no window; use strategy.dispatch=window")
        if section == "precision" and settings.trials != "auto":
            raise UserError(f"'{word}' has no effect: trials={settings.trials} says how many; use trials=auto")
        if section == "strategy" and field in axes:
            raise UserError(f"'{word}' has no effect: {field} is an axis of the matrix; use matrix.{field}=[...]")


def _clock(settings: Settings) -> Literal["virtual", "real"]:
    return settings.clock or ("virtual" if settings.target.kind == "mock" else "real")


def _check_together(settings: Settings, clock: str) -> None:
    """What single fields cannot know: settings that exclude one another."""
    if settings.target.kind == "openai" and clock == "virtual":
        raise UserError("target=openai needs clock=real: a real API does not wait in virtual time")
    if settings.target.kind == "openai" and settings.time_scale != 1:
        raise UserError("time_scale needs target=mock: a real API keeps its own time")
    if settings.target.kind == "mock" and clock == "virtual" and settings.target.base_url:
        raise UserError("target.base_url needs clock=real: virtual time has no network")
    if settings.target.kind == "openai" and (settings.fault or "fault" in settings.matrix):
        raise UserError("fault needs target=mock: a real API has faults of its own")
    if settings.engine not in CLUSTERS and settings.cluster != ClusterSettings():
        raise UserError("cluster.address and cluster.workers need engine=ray or engine=dask")
    _check_scheme(settings)
    if settings.event_loop == "uvloop" and find_spec("uvloop") is None:
        raise UserError(
            "event_loop=uvloop needs the package uvloop: pip install uvloop, or leave it to event_loop=auto"
        )
    if settings.network == "memory" and clock == "real":
        raise UserError("network=memory needs clock=virtual: real time uses real sockets")


def _check_transports(settings: Settings, clock: str, transports: set[str]) -> None:
    """Virtual time has no network, or one in memory, which the system's sockets cannot reach."""
    if clock == "virtual" and "aiohttp" in transports:
        raise UserError("transport=aiohttp needs clock=real: aiohttp uses sockets of the system, which take real time")
    if clock == "virtual" and "asyncio" in transports and settings.network != "memory":
        raise UserError("transport=asyncio needs clock=real or network=memory: direct calls go through no transport")


def _check_scheme(settings: Settings) -> None:
    """An address that another protocol is written in front of would be tried in vain."""
    scheme, found, rest = (settings.cluster.address or "").partition("://")
    if found and (settings.engine == "ray" or scheme in {"http", "https", "ray"}):
        whose = "the head of a Ray cluster" if settings.engine == "ray" else "a Dask scheduler"
        raise UserError(f"cluster.address: {whose} is named by HOST:PORT, not {scheme}://{rest}")


def _reference(settings: Settings, cells: tuple[Cell, ...], words: Sequence[str]) -> str:
    names = [cell.name for cell in cells]
    wanted = settings.reference
    if wanted is None or wanted in names:
        return wanted or names[0]
    if any(word.lstrip("+").startswith("reference=") for word in words):
        raise UserError(f"reference: no cell named '{wanted}'{did_you_mean(wanted, names)}")
    # A matrix that was changed on the command line may leave the experiment's own reference out.
    return names[0]

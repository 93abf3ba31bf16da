"""From the words of a line to what the last of them may become. Pure but for the names, which `Known` reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.cli.complete.names import SERVE, STRATEGY_VALUES, VALUES, Known

#: Values of flags that can be counted; with others, the shell completes a path.
_VALUES_OF_FLAGS: Mapping[str, tuple[str, ...]] = {"--export": ("pytest-benchmark",)}


@dataclass(frozen=True)
class Candidate:
    """A whole word that the one being typed may become, and a line about it."""

    text: str
    about: str = ""


def candidates(words: Sequence[str], known: Known) -> list[Candidate]:
    """What the last word may become; empty where only the shell knows, as with paths."""
    *before, typed = words
    found = [one for one in _all(before, typed, known) if one.text.startswith(typed)]
    return list(dict.fromkeys(found))


def _all(before: Sequence[str], typed: str, known: Known) -> Iterable[Candidate]:
    command = next((word for word in before if not word.startswith("-")), None)
    if command is None:
        flags = known.flags if typed.startswith("-") else {}
        return _listed(flags or {name: one.about for name, one in known.commands.items()})
    return _behind(command, before, typed, known) if command in known.commands else []


def _behind(command: str, before: Sequence[str], typed: str, known: Known) -> Iterable[Candidate]:
    if before[-1] in known.commands[command].valued:
        return [Candidate(word) for word in _VALUES_OF_FLAGS.get(before[-1], ())]
    if typed.startswith("-"):
        return _listed(known.commands[command].flags)
    if command == "run":
        return _run(before[1:], typed, known)
    if command == "serve":
        return _serve(typed, known)
    taken = [word for word in before[1:] if not word.startswith("-")]
    return [] if taken else [Candidate(word) for word in known.commands[command].words]


def _run(before: Sequence[str], typed: str, known: Known) -> Iterator[Candidate]:
    key, equals, value = typed.partition("=")
    if equals:
        several = "-m" in before or "--multirun" in before
        yield from _values(key, value, known, several=several)
        return
    if not any("=" not in word and not word.startswith("-") for word in before):
        yield from _listed(known.names("experiment"))
    given = {word.partition("=")[0] for word in before}
    section, dot, _ = key.partition(".")
    if dot and section == "matrix":
        keys: Mapping[str, str] = {f"matrix.{axis}": "" for axis in known.axes}
    elif dot and section in {"strategy", "profile", "fault"}:
        keys = {f"{section}.{field}": "" for field in known.settings(section)}
    else:
        # Sections are offered whole: their keys come when the dot is there.
        keys = {one: about for one, about in known.keys.items() if dot or "." not in one}
        sections = dict.fromkeys(one.partition(".")[0] for one in known.keys if "." in one)
        for name in () if dot else ("matrix", "strategy", "profile", *sections):
            yield Candidate(f"{name}.", "")
    yield from (Candidate(f"{one}=", about) for one, about in keys.items() if one not in given)


def _values(key: str, value: str, known: Known, *, several: bool) -> Iterator[Candidate]:
    """Values of a key; those of an axis stand in brackets, and `several` runs take several."""
    section, dot, field = key.lstrip("+").partition(".")
    if dot and section == "matrix":
        if value.endswith("]"):
            return
        choices, value = _choices_of_axis(field, known), value or "["
        if not value.startswith("["):
            return
    elif dot and section == "strategy":
        choices = dict.fromkeys(STRATEGY_VALUES.get(field, ()), "")
    elif not dot and section in {"profile", "strategy", "fault", "workload", "target"}:
        choices = known.names(section)
    else:
        choices = dict.fromkeys(VALUES.get(key.lstrip("+"), ()), "")
    bracket = "[" if value.startswith("[") else ""
    listed = value.removeprefix("[").split(",") if bracket or several else [value]
    taken, start = listed[:-1], ",".join([*listed[:-1], ""])
    yield from (
        Candidate(f"{key}={bracket}{start}{name}", about) for name, about in choices.items() if name not in taken
    )


def _choices_of_axis(axis: str, known: Known) -> dict[str, str]:
    if axis in {"strategy", "profile"}:
        return known.names(axis)
    if axis == "fault":
        return {"none": "without a fault"} | known.names("fault")
    return dict.fromkeys(STRATEGY_VALUES.get(axis, ()), "")


def _serve(typed: str, known: Known) -> Iterator[Candidate]:
    key, equals, _ = typed.partition("=")
    section, dot, _ = key.partition(".")
    if not equals and dot and section in {"profile", "fault"}:
        yield from (Candidate(f"{section}.{field}=") for field in known.settings(section))
    elif not equals:
        yield from (Candidate(f"{one}=", about) for one, about in SERVE.items())
    elif key in {"profile", "fault"}:
        yield from (Candidate(f"{key}={name}", about) for name, about in known.names(key).items())
    elif key == "allow_remote":
        yield from (Candidate(f"{key}={value}") for value in ("true", "false"))


def _listed(entries: Mapping[str, str]) -> list[Candidate]:
    return [Candidate(name, about) for name, about in entries.items()]

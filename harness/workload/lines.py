"""A file of one's own requests: a JSON object a line, looked up by its number and never held whole."""

from __future__ import annotations

import json
import math
import os
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from harness.errors import UserError, did_you_mean

_KEYS = ("messages", "prompt", "max_tokens", "output_tokens", "expected_output_tokens", "at_s", "id")

#: Tokens and seconds beyond which a number is a mistake.
_MOST = 10**12

Message = Mapping[str, Any]


@dataclass(frozen=True)
class Line:
    """A request of one's own: its messages, its limit of tokens, and how many its answer is expected to have."""

    messages: tuple[Message, ...]
    max_tokens: int | None
    output_tokens: int | None
    at_s: float | None


class Lines:
    """What is known of each line of a file without holding it: 48 bytes a line.

    Lines are read by their place, so that processes which share the open file do not disturb each other.
    """

    def __init__(self, path: Path) -> None:
        """Read and check every line once. Raises UserError with the number of the line."""
        self.path = path
        self._starts = array("Q")
        self._sizes = array("Q")
        self._at_s = array("d")
        #: Of each line; 0 where it does not say.
        self.max_tokens = array("q")
        self.output_tokens = array("q")
        #: Of the messages of each line.
        self.letters = array("Q")
        try:
            self._file = os.open(path, os.O_RDONLY)
            # What can be opened may still be a folder, which cannot be read.
            os.pread(self._file, 1, 0)
        except OSError as error:
            raise UserError(f"cannot read {path} ({error.strerror}); workload.file is a file of JSON lines") from None
        self._index()

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, number: int) -> Line:
        start, size = self._starts[number], self._sizes[number]
        try:
            return _parsed(os.pread(self._file, size, start))
        except ValueError as error:
            raise UserError(f"{self.path} was changed while it was in use ({error}); start a new run") from None

    @property
    def at_s(self) -> Sequence[float]:
        """When each line's request came, in seconds since the first one. Raises UserError where a line does not say."""
        for number, at_s in enumerate(self._at_s, start=1):
            if math.isnan(at_s):
                raise UserError(f"{self.path}: request {number} has no at_s, which arrivals of kind trace need")
        return array("d", (at_s - self._at_s[0] for at_s in self._at_s))

    @property
    def says_tokens(self) -> bool:
        """Whether some line says how long its answer is, or may be."""
        return any(self.max_tokens) or any(self.output_tokens)

    def _index(self) -> None:
        with open(self._file, "rb", closefd=False) as file:
            start, before = 0, 0.0
            for number, raw in enumerate(file, start=1):
                if raw.strip():
                    try:
                        line = _parsed(raw)
                    except ValueError as error:
                        raise UserError(f"{self.path}, line {number}: {error}") from None
                    if line.at_s is not None and line.at_s < before:
                        text = f"at_s {line.at_s:g} is before that of a line above; sort the file by it"
                        raise UserError(f"{self.path}, line {number}: {text}")
                    before = line.at_s or before
                    self._starts.append(start)
                    self._sizes.append(len(raw))
                    self.max_tokens.append(line.max_tokens or 0)
                    self.output_tokens.append(line.output_tokens or 0)
                    self._at_s.append(math.nan if line.at_s is None else line.at_s)
                    self.letters.append(sum(len(str(message.get("content", ""))) for message in line.messages))
                start += len(raw)
        if not self._starts:
            raise UserError(f"{self.path} is empty: workload.file has a JSON object a line, with messages or a prompt")


def lines_in(name: str) -> Lines:
    """The lines of a file, checked once as long as it stays as it is. Raises UserError."""
    path = Path(name)
    try:
        found = path.stat()
    except OSError as error:
        raise UserError(f"cannot read {path} ({error.strerror}); workload.file is a file of JSON lines") from None
    return _indexed(path, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=8)
def _indexed(path: Path, changed: int, size: int) -> Lines:  # noqa: ARG001 - a file that has changed is another one
    return Lines(path)


def _parsed(raw: bytes) -> Line:
    """A line as a request. Raises ValueError that says what is wrong with it."""
    try:
        found = json.loads(raw)
    except ValueError as error:
        raise ValueError(f"not JSON ({error})") from None
    except RecursionError:
        raise ValueError("nested too deeply to be messages") from None
    if not isinstance(found, dict):
        raise ValueError("not a JSON object with messages or a prompt")
    if b"\\ud" in raw.lower() and _has_halves(found):
        raise ValueError("half of a character (a lone surrogate), which cannot be sent")
    for key in found:
        if key not in _KEYS:
            raise ValueError(f"unknown key '{key}'{did_you_mean(key, _KEYS)}")
    names = [name for name in ("output_tokens", "expected_output_tokens") if found.get(name) is not None]
    if len(names) > 1:
        raise ValueError("output_tokens and expected_output_tokens are one thing; give one of them")
    return Line(
        _messages(found),
        _count(found, "max_tokens"),
        _count(found, names[0]) if names else None,
        _instant(found.get("at_s")),
    )


def _has_halves(found: Any) -> bool:
    try:
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def _messages(found: Mapping[str, Any]) -> tuple[Message, ...]:
    if ("messages" in found) == ("prompt" in found):
        raise ValueError("a request has messages or a prompt, one of the two")
    if "prompt" in found:
        if not isinstance(found["prompt"], str) or not found["prompt"]:
            raise ValueError("prompt must be a text")
        return ({"role": "user", "content": found["prompt"]},)
    messages = found["messages"]
    if not isinstance(messages, list) or not messages:
        raise ValueError("messages must be a list with a message in it")
    if not all(isinstance(one, dict) and isinstance(one.get("role"), str) for one in messages):
        raise ValueError('each of messages must be an object with a role, such as {"role": "user", "content": "hi"}')
    return tuple(messages)


def _count(found: Mapping[str, Any], key: str) -> int | None:
    value = found.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MOST:
        raise ValueError(f"{key} must be a whole number from 1 to {_MOST}")
    return value


def _instant(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MOST:
        raise ValueError(f"at_s must be a number of seconds from 0 to {_MOST}")
    return float(value)

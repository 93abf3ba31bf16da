"""Which requests a trial sends, how they are cut into batches, and in the open loop when they come."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from harness.errors import UserError
from harness.records import Request
from harness.workload.arrivals import AnyArrivals, Arrivals, Replay
from harness.workload.lines import Line, Lines, lines_in
from harness.workload.requests import Requests

__all__ = ["Arrivals", "Lines", "Replay", "Requests", "Workload"]

Count = Annotated[int, Field(ge=1, strict=True)]
#: Requests of a trial, and seconds for them to come, beyond which a number is a mistake.
_MOST = 10**12
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid", defer_build=True))
class Workload:
    """`batches` x `batch_size` requests of one prompt; the published evaluation's by default.

    `file` holds requests of one's own, a JSON object a line, which are sent in turn, with `repeat` again and again.
    With `arrivals` requests come of themselves, in the open loop; for `duration_s` seconds where that is given, and a
    trace as long as it is. `warmup` requests are sent before a trial begins, to open connections, and not recorded.
    `max_tokens` limits each answer when it is given. `slo_s` is the time in seconds within which an answer counts as
    goodput.
    """

    batches: Count = 10
    batch_size: Count = 100
    prompt: str = "Write 1 random tokens"
    file: Annotated[str, Field(min_length=1)] | None = None
    repeat: Annotated[bool, Field(strict=True)] = False
    max_tokens: Count | None = None
    arrivals: AnyArrivals | None = None
    duration_s: Positive | None = None
    warmup: Annotated[int, Field(ge=0, strict=True)] = 0
    slo_s: Annotated[float, Field(gt=0)] = 30.0
    description: str = ""

    @model_validator(mode="after")
    def _settings_agree(self) -> Workload:
        """What would have no effect is a mistake."""
        if self.duration_s is not None and self.arrivals is None:
            raise ValueError("duration_s needs arrivals: without them a trial lasts until its requests are done")
        if self.repeat and self.file is None:
            raise ValueError("repeat needs file: one prompt is sent as often as it is asked for")
        return self

    def check(self) -> None:
        """Read the files and count the requests. Raises UserError for what is wrong in them, with its line."""
        lines, count = self.lines, self._number()
        if count == 0:
            raise UserError(f"workload.duration_s={self.duration_s:g} is over before the first request comes")
        if lines is not None and count > len(lines) and not self.repeat:
            raise UserError(
                f"{lines.path} holds {len(lines):,} requests and the workload asks for {count:,}; "
                f"{self._fewer(len(lines))}, or send them again and again with workload.repeat=true"
            )

    def _number(self) -> int:
        """How many requests there are. Raises UserError for more than can be counted, or what takes for ever."""
        try:
            count = self._count
            endless = self.arrivals is not None and not self.arrivals.lasts_s(count) <= _MOST
        except OverflowError:
            count, endless = _MOST + 1, False
        if count > _MOST:
            raise UserError(
                f"a trial of more than {_MOST:,} requests; lower workload.batches, batch_size or duration_s"
            )
        if endless:
            raise UserError("workload.arrivals come so rarely that the last request never does; raise their rate")
        return count

    def prepare(self, seed: int) -> None:
        """Do beforehand what takes long of the arrivals of a trial."""
        if self.arrivals is not None:
            next(self.instants(seed), None)

    def _fewer(self, lines: int) -> str:
        if self.counts_itself:
            return "shorten workload.duration_s"
        return f"set workload.batches=1 workload.batch_size={lines}"

    @property
    def counts_itself(self) -> bool:
        """Whether the number of requests is that of a trace or a duration, not batches x batch size."""
        return self.arrivals is not None and (self.duration_s is not None or isinstance(self.arrivals, Replay))

    @cached_property
    def _count(self) -> int:
        if self.arrivals is None or not self.counts_itself:
            return self.batches * self.batch_size
        if self.duration_s is None:
            return len(self.arrivals.trace)
        found: int = self.arrivals.within(self.duration_s)
        return found

    def __len__(self) -> int:
        return self._count

    @property
    def name(self) -> str:
        """Batches x batch size, as in "10x100", or how many requests come how."""
        if self.arrivals is None:
            return f"{self.batches}x{self.batch_size}"
        return f"{len(self)} requests, {self.arrivals.words}"

    @property
    def words(self) -> str:
        """The name in a sentence."""
        return f"{self.name} requests" if self.arrivals is None else self.name

    @property
    def files(self) -> dict[str, str]:
        """Digests of what the files hold that it reads, by what they are for; empty where it reads none."""
        found = {"file": self.file, "arrivals": self.arrivals.file if isinstance(self.arrivals, Replay) else None}
        return {use: _digest(name) for use, name in found.items() if name is not None}

    @property
    def lines(self) -> Lines | None:
        """The file of one's own requests, if there is one. Raises UserError that names file and line."""
        return None if self.file is None else lines_in(self.file)

    @property
    def requests(self) -> Requests:
        """Every request, in order."""
        return Requests(self._maker, range(len(self)))

    def slices(self, size: int) -> list[Requests]:
        """The same requests in batches of `size`; the last one may be shorter."""
        return [self.requests[start : start + size] for start in range(0, len(self), size)]

    def instants(self, seed: int) -> Iterator[float]:
        """When each request comes, in seconds since the first one; only with `arrivals`."""
        if self.arrivals is None:
            raise TypeError("a closed loop has no schedule")
        found: Iterator[float] = self.arrivals.instants(seed, len(self), self.duration_s)
        return found

    @property
    def lasts_s(self) -> float:
        """About how many seconds requests come for; only with `arrivals`."""
        if self.arrivals is None:
            raise TypeError("a closed loop has no schedule")
        return self.duration_s or float(self.arrivals.lasts_s(len(self)))

    @cached_property
    def _maker(self) -> _Maker:
        return _Maker(self)

    # -- tokens

    @property
    def answers_differ(self) -> bool:
        """Whether requests ask for answers of different lengths."""
        maker = self._maker
        return maker.traced is not None or (maker.lines is not None and maker.lines.says_tokens)

    @cached_property
    def most_tokens(self) -> int | None:
        """Output tokens that all requests together allow; None where one of them sets no limit."""
        if not self.answers_differ:
            return None if self.max_tokens is None else self.max_tokens * len(self)
        found = [self._maker.limit(number) for number in range(len(self))]
        return None if None in found else sum(limit or 0 for limit in found)

    def expected_tokens(self, usual: int | None) -> int | None:
        """Output tokens that all answers are expected to have, `usual` where nothing is said; None if unknown."""
        if not self.answers_differ:
            each = self.max_tokens or usual
            return None if each is None else each * len(self)
        found = [self._maker.expected(number) or usual for number in range(len(self))]
        return None if None in found else sum(each or 0 for each in found)

    @cached_property
    def letters(self) -> int:
        """Letters of all messages together."""
        lines = self.lines
        if lines is None:
            return len(self.prompt) * len(self)
        rounds, rest = divmod(len(self), len(lines))
        return rounds * sum(lines.letters) + sum(lines.letters[:rest])


def _digest(name: str) -> str:
    with open(name, "rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()[:32]


class _Maker:
    """Makes requests by their number, and knows how long their answers are without reading them."""

    def __init__(self, workload: Workload) -> None:
        self.lines = workload.lines
        arrivals = workload.arrivals
        #: Of each answer, as a trace has it.
        self.traced = arrivals.trace.tokens if isinstance(arrivals, Replay) else None
        self._max_tokens = workload.max_tokens
        self._messages: tuple[Mapping[str, Any], ...] = ({"role": "user", "content": workload.prompt},)

    def __call__(self, number: int) -> Request:
        """A request as it is sent."""
        limit, expected = self.limit(number), self._said(number)
        if self.lines is None:
            return Request(number, self._messages, limit, expected)
        line: Line = self.lines[number % len(self.lines)]
        return Request(number, line.messages, limit, expected)

    def limit(self, number: int) -> int | None:
        """The most tokens of an answer: the least of what the workload, the trace and the line allow."""
        known = [self._max_tokens, None if self.traced is None else self.traced[number]]
        if self.lines is not None:
            known.append(self.lines.max_tokens[number % len(self.lines)] or None)
        return min((limit for limit in known if limit is not None), default=None)

    def expected(self, number: int) -> int | None:
        """The tokens that an answer is expected to have: what its line says, and no more than its limit."""
        return min((one for one in (self._said(number), self.limit(number)) if one is not None), default=None)

    def _said(self, number: int) -> int | None:
        return None if self.lines is None else self.lines.output_tokens[number % len(self.lines)] or None

"""What all strategies share: a name, streaming, and how requests are released."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import BeforeValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass

STRICT = ConfigDict(extra="forbid", allow_inf_nan=False, defer_build=True)
Seconds = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1, strict=True)]
Times = Annotated[int, Field(ge=0, strict=True)]
Share = Annotated[float, Field(gt=0, le=1)]
Flag = Annotated[bool, Field(strict=True)]
Dispatch = Literal["gather", "window", "aimd", "gradient", "open"]
Transport = Literal["httpx2", "aiohttp", "asyncio"]
_S = TypeVar("_S", bound="Strategy")

#: The SDK's own limit of connections at once, by client.
SDK_POOL = 1_000

#: `timeout=off`: no limit at all.
OFF: Literal["off"] = "off"


def _parse_timeout(value: object) -> object:
    # YAML reads a bare `off` as false.
    if value is False:
        return OFF
    if isinstance(value, str) and value.lower() == "none":
        raise ValueError(
            "'none' is ambiguous: write null to leave the argument out (the SDK's default of 600 s) "
            "or off to pass None (no timeout at all)"
        )
    if isinstance(value, bool):
        raise ValueError("a timeout is a number of seconds, null or off")
    return value


Timeout = Annotated[
    Annotated[float, Field(gt=0, allow_inf_nan=False)] | Literal["off"] | None, BeforeValidator(_parse_timeout)
]


@dataclass(frozen=True, config=STRICT)
class Strategy:
    """The bundle of client settings that a cell tests. Pure: nothing of it sends, sleeps or reads a clock.

    `dispatch` says how requests are released: `gather` awaits batch after batch, `window` keeps `in_flight` requests
    under way over the whole workload, `aimd` and `gradient` begin with so many and adapt the number, and `open` has no
    limit where a workload's arrivals say when. `stagger_s` spreads the first starts of a batch or a window evenly over
    so many seconds. `max_connections` limits the client's pool (auto: to as many as
    are needed at once, all of which are kept), and `transport` is what the SDK sends through: its
    default, aiohttp, or the harness's own on asyncio. With `sdk_models` the SDK builds its models of what it sends and
    is sent, as in production; without, a measurement is spared that time. Subclasses register themselves by their
    `kind`; fields called `timeout`, `delay`, or with names that end in `_timeout`, `_delay` or `_s`, are seconds.
    """

    name: str
    description: str = ""
    stream: Flag = False
    dispatch: Dispatch = "gather"
    in_flight: Count = 100
    stagger_s: Annotated[float, Field(ge=0)] = 0.0
    max_connections: Count | Literal["auto"] | None = None
    transport: Transport = "httpx2"
    sdk_models: Flag = False

    register: ClassVar[dict[str, type[Strategy]]] = {}

    def __init_subclass__(cls, **settings: Any) -> None:
        kind = cls.__dict__.get("kind")
        if isinstance(kind, str):
            Strategy.register[kind] = cls

    @property
    def http_attempts_at_most(self) -> int:
        """The most HTTP attempts that one request can make."""
        raise NotImplementedError

    @property
    def hedges(self) -> int:
        """How many copies an attempt can have at most."""
        return 0

    @property
    def sdk_retries(self) -> int:
        """How often the SDK itself is told to retry."""
        return 0

    @property
    def needs_fresh_connections(self) -> bool:
        """Whether some attempts must not use a pooled connection."""
        return False

    @property
    def pool(self) -> dict[str, int | None]:
        """What it changes of the limits of the SDK's pool, by their names in httpx2; None is no limit."""
        if self.max_connections == "auto":
            return {"max_connections": None, "max_keepalive_connections": None}
        return {} if self.max_connections is None else {"max_connections": self.max_connections}

    @property
    def connections(self) -> float:
        """The most connections that its client has at once."""
        if self.max_connections == "auto":
            return math.inf
        return SDK_POOL if self.max_connections is None else self.max_connections

    def call_arguments(self) -> dict[str, Any]:
        """The keyword arguments of `chat.completions.create` that this strategy sets."""
        return {"stream": True} if self.stream else {}

    def shared(self: _S, shard: int, shards: int) -> _S:
        """The part of it that one of several clients has: of what is limited in number, every so many-th."""
        if shards == 1:
            return self
        most = self.max_connections
        return replace(
            self,
            in_flight=max(1, len(range(shard, self.in_flight, shards))),
            max_connections=max(1, len(range(shard, most, shards))) if isinstance(most, int) else most,
        )

    def scaled(self: _S, factor: float) -> _S:
        """The same strategy with its times multiplied by `factor`."""
        if factor == 1:
            return self
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        changes: dict[str, Any] = {name: v.scaled(factor) for name, v in values.items() if hasattr(v, "scaled")}
        changes |= {name: v * factor for name, v in values.items() if isinstance(v, float) and _is_time(name)}
        return replace(self, **changes)


def _is_time(name: str) -> bool:
    return name in {"timeout", "delay"} or name.endswith(("_timeout", "_delay", "_s"))

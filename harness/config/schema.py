"""What a run is made of, typed; and the experiment that is built from it."""

from __future__ import annotations

import math
from dataclasses import dataclass as plain_dataclass
from dataclasses import field, replace
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator
from pydantic.dataclasses import dataclass

from harness.clock import EventLoop
from harness.engines.addresses import Address
from harness.faults import AnyFault
from harness.profiles import Profile
from harness.strategies import AnyStrategy, Strategy
from harness.workload import Workload

_FORBID = ConfigDict(extra="forbid", defer_build=True)
Count = Annotated[int, Field(ge=1, strict=True)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Flag = Annotated[bool, Field(strict=True)]


def _number_or_auto(value: object) -> object:
    if isinstance(value, str) and value != "auto":
        raise ValueError("a number of trials, or auto")
    return value


def _shards_or_auto(value: object) -> object:
    if isinstance(value, str) and value != "auto":
        raise ValueError("a number of shards, or auto")
    return value


def _plain_url(url: str | None) -> str | None:
    if url is None:
        return None
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("a base URL looks like https://host/v1")
    if parts.username is not None or parts.query:
        raise ValueError("no key or password in the URL: it would be recorded; use OPENAI_API_KEY")
    return url.rstrip("/")


@dataclass(frozen=True, config=_FORBID)
class TargetSettings:
    """Who answers."""

    kind: Literal["mock", "openai"]
    model: Annotated[str, StringConstraints(min_length=1)]
    base_url: Annotated[str | None, AfterValidator(_plain_url)] = None


def _plain_address(address: str | None) -> str | None:
    return None if address is None else str(Address.of(address))


#: Engines whose workers are in a cluster.
CLUSTERS = frozenset({"ray", "dask"})


@dataclass(frozen=True, config=_FORBID)
class ClusterSettings:
    """Where the workers of `engine: ray` and `engine: dask` are, and how many are wanted."""

    address: Annotated[str | None, AfterValidator(_plain_address)] = None
    workers: Count | None = None


Price = Annotated[float, Field(ge=0, allow_inf_nan=False)]


@dataclass(frozen=True, config=_FORBID)
class PriceSettings:
    """Dollars for a million tokens of the prompts and of the answers: either both, or neither."""

    input: Price | None = None
    output: Price | None = None

    @model_validator(mode="after")
    def _both_or_neither(self) -> PriceSettings:
        if (self.input is None) != (self.output is None):
            raise ValueError("set both budget.price.input and budget.price.output, dollars for a million tokens")
        return self


@dataclass(frozen=True, config=_FORBID)
class BudgetSettings:
    """What a run may send at most, and what that costs; `max_requests` counts HTTP attempts."""

    max_requests: Count | None = None
    price: PriceSettings = field(default_factory=PriceSettings)


@dataclass(frozen=True, config=_FORBID)
class PrecisionSettings:
    """What `trials: auto` goes on for: half the 95 % interval of the metric, as a share of it, in every cell."""

    metric: Literal["total", "speedup"] = "total"
    within: Annotated[float, Field(gt=0, lt=1)] = 0.05
    max_trials: Count = 1000


@dataclass(frozen=True, config=_FORBID)
class RecordsSettings:
    """How the records lie in the run folder; a megabyte has 1,000,000 bytes."""

    rotate_mb: Positive | None = 256.0

    @property
    def rotate_bytes(self) -> float:
        """Bytes beyond which a part of the records is finished and compressed; infinity: never."""
        return math.inf if self.rotate_mb is None else self.rotate_mb * 1e6


#: With a trial's number added it is still a whole number of 64 bits, which tables can hold.
_LARGEST_SEED = 2**62

#: Trials that are played before `trials: auto` looks for the first time. Fewer let a lucky few end it too early.
PILOT = 30


@dataclass(frozen=True, config=_FORBID)
class Settings:
    """One composed configuration, before the matrix is expanded. Times in seconds."""

    target: TargetSettings
    profile: Profile
    workload: Workload
    strategy: AnyStrategy
    fault: AnyFault | None = None
    question: str = ""
    clock: Literal["virtual", "real"] | None = None
    network: Literal["direct", "memory"] = "direct"
    event_loop: EventLoop = "auto"
    time_scale: Positive = 1.0
    seed: Annotated[int, Field(ge=0, le=_LARGEST_SEED, strict=True)] = 0
    trials: Annotated[Count | Literal["auto"], BeforeValidator(_number_or_auto)] = 1
    precision: PrecisionSettings = field(default_factory=PrecisionSettings)
    engine: Literal["auto", "local", "processes", "ray", "dask"] = "auto"
    cluster: ClusterSettings = field(default_factory=ClusterSettings)
    shards: Annotated[Count | Literal["auto"], BeforeValidator(_shards_or_auto)] = "auto"
    matrix: dict[str, Any] = field(default_factory=dict)
    reference: str | None = None
    max_failures: Annotated[int, Field(ge=0, strict=True)] | None = None
    batch_limit_s: Positive = 7200.0
    budget: BudgetSettings = field(default_factory=BudgetSettings)
    records: RecordsSettings = field(default_factory=RecordsSettings)
    report: Flag = True
    out: Annotated[str, StringConstraints(min_length=1)] | None = None
    resume: Flag = False


@plain_dataclass(frozen=True)
class Cell:
    """One point of the matrix: a strategy against a profile, the workload cut into batches of `batch_size`."""

    name: str
    strategy: Strategy
    workload: Workload
    profile: Profile
    batch_size: int
    axes: dict[str, Any]

    @property
    def at_once(self) -> int | None:
        """The most attempts that can be under way at once; None where nothing but the pool limits them."""
        known = {"gather": self.batch_size, "window": self.strategy.in_flight}.get(self.strategy.dispatch)
        return None if known is None else min(known, len(self.workload)) * (1 + self.strategy.hedges)


@plain_dataclass(frozen=True)
class Experiment:
    """A named matrix, ready to be played. `words` compose it again; `resolved` is what is written to config.yaml."""

    name: str
    settings: Settings
    clock: Literal["virtual", "real"]
    cells: tuple[Cell, ...]
    reference: str
    words: tuple[str, ...]
    resolved: dict[str, Any] = field(repr=False)
    #: How far `trials: auto` has come; None at its beginning, and for a fixed number.
    reached: int | None = None

    @property
    def trials(self) -> int:
        """How often each cell is played: the number of the settings, or as many as `trials: auto` asks for so far."""
        if self.settings.trials != "auto":
            return self.settings.trials
        return min(self.most_trials, PILOT if self.reached is None else self.reached)

    @property
    def most_trials(self) -> int:
        """How often each cell can be played at most: `trials: auto` ends where the budget does."""
        if self.settings.trials != "auto":
            return self.settings.trials
        limit, most = self.settings.budget.max_requests, self.settings.precision.max_trials
        return most if limit is None else max(1, min(most, limit // self.attempts_per_trial))

    def going_on_to(self, trials: int) -> Experiment:
        """The same experiment, played so often."""
        return replace(self, reached=trials)

    @property
    def seeds(self) -> range:
        """Trial i uses seed + i."""
        return range(self.settings.seed, self.settings.seed + self.trials)

    @property
    def requests(self) -> int:
        """Requests of all cells and trials together."""
        return self.trials * self.requests_per_trial

    @property
    def requests_per_trial(self) -> int:
        """Requests of all cells in one trial."""
        return sum(len(cell.workload) for cell in self.cells)

    @property
    def attempts_per_trial(self) -> int:
        """The most HTTP attempts that one trial of all cells can make, warm-up included."""
        return sum(
            len(cell.workload) * cell.strategy.http_attempts_at_most + cell.workload.warmup for cell in self.cells
        )

    def http_attempts_at_most(self) -> int:
        """The most HTTP attempts that the run can make: retries multiply."""
        return self.most_trials * self.attempts_per_trial

    def tokens_at_most(self) -> int | None:
        """The most output tokens that the run can ask for; None where a request sets no limit."""
        limits = [cell.workload.most_tokens for cell in self.cells]
        if None in limits:
            return None
        # A warm-up request asks for one token.
        return self.most_trials * sum(
            (limit or 0) * cell.strategy.http_attempts_at_most + cell.workload.warmup
            for cell, limit in zip(self.cells, limits, strict=True)
        )

    def describe(self) -> str:
        """One line: how much will be played, and how."""
        settings = self.settings
        cells = f"{len(self.cells)} cell{'s' * (len(self.cells) != 1)}"
        trials = f"{self.trials} trial{'s' * (self.trials != 1)}"
        if settings.trials == "auto":
            wanted = settings.precision
            trials += f" and more until each {wanted.metric} is known within {wanted.within:.3g} of it"
        own = settings.target.kind == "mock" and not settings.target.base_url
        server = "the mock" if own else settings.target.base_url or "the OpenAI API"
        words = list(dict.fromkeys(cell.workload.words for cell in self.cells))
        sizes = sorted({len(cell.workload) for cell in self.cells})
        many = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
        asked = words[0] if len(words) == 1 else f"{many} requests in {len(words)} schedules"
        scaled = (
            ""
            if settings.time_scale == 1
            else f", times of {'server and client' if own else 'the client'} x {settings.time_scale:g}"
        )
        return f"{cells} x {trials} x {asked}, {self.clock} clock{scaled}, against {server}"

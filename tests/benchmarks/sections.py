"""What stands on docs/benchmarks.md: its sections, and the columns of their tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Column:
    """A heading, the keys of a row whose values stand below it with a slash between them, and their format."""

    head: str
    keys: tuple[str, ...]
    form: str = ""

    @classmethod
    def of(cls, head: str, key: str, form: str = "") -> Column:
        """A column of one key, or of several with blanks between them."""
        return cls(head, tuple(key.split()), form)

    @property
    def is_number(self) -> bool:
        """Numbers stand to the right."""
        return bool(self.form)

    def cell(self, row: dict[str, Any]) -> str:
        """Its text in a row; nothing where the row does not have it."""
        values = [row.get(key) for key in self.keys]
        return "" if None in values else " / ".join(format(value, self.form) for value in values)


@dataclass(frozen=True)
class Section:
    """A heading, what is said below it, and its tables: the name of each in results.json, and its columns."""

    title: str
    part: str
    text: str
    tables: Sequence[tuple[str, str, Sequence[Column]]]


_CLIENT = Column.of("client", "client")
_RESULT = (
    _CLIENT,
    Column.of("requests/s", "requests_per_s", ",.1f"),
    Column.of("in flight", "in_flight", ",.0f"),
    Column.of("TTFT error p50 / p99, ms", "ttft_error_p50_ms ttft_error_p99_ms", ",.1f"),
    Column.of("on the wire, ms", "wire_error_p50_ms wire_error_p99_ms", ",.1f"),
    Column.of("command, s", "command_s", ".1f"),
    Column.of("CPU, ms a request", "cpu_ms", ".2f"),
    Column.of("MiB", "peak_mib", ",.0f"),
)
_HELD = (
    _CLIENT,
    Column.of("MiB", "peak_mib", ",.0f"),
    Column.of("target, MiB", "target_mib", ",.0f"),
    Column.of("at once", "most_in_flight", ",.0f"),
    Column.of("requests/s", "requests_per_s", ",.1f"),
    Column.of("TTFT error on the wire p50 / p99, ms", "wire_error_p50_ms wire_error_p99_ms", ",.1f"),
    Column.of("command, s", "command_s", ".1f"),
    Column.of("CPU, ms a request", "cpu_ms", ".2f"),
)
_LIMITS = (
    _CLIENT,
    Column.of("server late p50 / p99, ms", "server_late_p50_ms server_late_p99_ms", ".1f"),
    Column.of("server, ms a request", "server_cpu_ms", ".2f"),
    Column.of("server, cores", "server_cores", ".2f"),
    Column.of("client, cores", "client_cores", ".2f"),
    Column.of("others, cores", "others_cores", ".2f"),
    Column.of("requests/s, least / most", "requests_per_s_least requests_per_s_most", ",.1f"),
)
SECTIONS = (
    Section(
        "Beside other load generators",
        "clients",
        """
Every client puts the same load on one `harness serve` in a process of its own, whose first token comes after 0.5 s and
whose 16 tokens are 20 ms apart; one client after the other, in turns. A client that costs nothing is the ideal. What a
client measures is its own word, parsed from the files that it writes: its time to first content minus the server's
0.5 s is its error, how many were really in flight is its rate times its mean latency. The SDK alone is a loop with a
clock around each call. On the wire is from when the request was written, which only this harness tells apart. Seconds,
CPU and memory are those of the whole command and all its processes, start-up included; pages that processes share are
counted for each.

What limits each is in the second tables: how late the server sent first tokens by its own log, its CPU, the cores that
it kept busy while requests were under way, those of the client over the whole command, and those of all other programs
on the machine, which should be near none.

The last table is of answers that take 20 s, the first of 31 tokens after 5 s and the others half a second apart, so
that thousands of them are really under way at once.
""",
        (
            ("clients_100", "100 in flight, 1,000 requests", _RESULT),
            ("clients_1000", "1,000 in flight, 3,000 requests", _RESULT),
            ("clients_100", "What limits them, 100 in flight", _LIMITS),
            ("clients_1000", "What limits them, 1,000 in flight", _LIMITS),
            ("clients_5000", "5,000 in flight, 10,000 requests", _HELD),
        ),
    ),
    Section(
        "Virtual time",
        "virtual",
        """
Seconds of one process to play 1,000 requests of the article's workload in virtual time. Nearly all of it is the SDK.
The player is what this project adds to the SDK's own reading of a stream into a message: CPU in milliseconds a request,
medians of pairs of batches in turn with their 95 % intervals.
""",
        (
            (
                "virtual",
                "",
                (
                    Column.of("comparison", "comparison"),
                    Column.of("s per 1,000 requests", "first_s second_s", ".2f"),
                    Column.of("ratio", "ratio", ".2f"),
                ),
            ),
            (
                "player",
                "",
                (
                    Column.of("strategy", "strategy"),
                    Column.of("beyond the SDK, ms", "beyond_ms", ".3f"),
                    Column.of("interval, ms", "low_ms high_ms", ".3f"),
                    Column.of("the SDK itself, ms", "sdk_ms", ".2f"),
                    Column.of("target, ms", "target_ms", ".1f"),
                ),
            ),
        ),
    ),
    Section(
        "Real sockets beside virtual time",
        "sockets",
        """
Three batches of 100 over TCP to a server in another process, every time divided by two, against the same in virtual
time. The difference is the client's own: a burst of requests takes that long to send.
""",
        (
            (
                "sockets",
                "",
                (
                    Column.of("cell", "cell"),
                    Column.of("batches later, s, least / most", "least_s most_s", ".2f"),
                    Column.of("total, %", "total_percent", "+.1f"),
                ),
            ),
        ),
    ),
    Section(
        "Simulation",
        "simulation",
        """
Simulated requests a second on one core, the article's profile, 100 at a time, by CPU time.
""",
        (
            (
                "simulation",
                "",
                (
                    Column.of("strategy", "strategy"),
                    Column.of("dispatch", "dispatch"),
                    Column.of("requests/s", "requests_per_s", ",.0f"),
                ),
            ),
        ),
    ),
    Section(
        "The mock server",
        "mock",
        """
Answers a second of one worker on one core, wrk with 100 connections on another, no latency, in turns. The floor is ASGI
on granian with no mock behind it. How many chunks an answer has differs where a mock cannot be told.

The second table is thousands of streams that are stuck at once on one worker, with a comment a second in each: its
memory, and how late it sent its events by its own log.
""",
        (
            (
                "mocks",
                "",
                (
                    Column.of("server", "server"),
                    Column.of("version", "version"),
                    Column.of("chunks an answer", "chunks", "d"),
                    Column.of("streamed/s", "streamed", ",.0f"),
                    Column.of("this mock's multiple", "streamed_multiple", ".2f"),
                    Column.of("plain/s", "plain", ",.0f"),
                    Column.of("its multiple", "plain_multiple", ".2f"),
                ),
            ),
            (
                "stalled",
                "",
                (
                    Column.of("streams at once", "streams", ",d"),
                    Column.of("MiB", "peak_mib", ",.0f"),
                    Column.of("events", "events", ",d"),
                    Column.of("late p50 / p99 / p99.9, ms", "p50_ms p99_ms p999_ms", ".1f"),
                    Column.of("at most, ms", "max_ms", ".1f"),
                ),
            ),
        ),
    ),
    Section(
        "Reports",
        "report",
        """
`harness report` as a whole command, its peak memory, its page, and how soon Chromium has drawn that. A finished run is
read from its Parquet tables; one that is still going, from its records.
""",
        (
            (
                "report",
                "",
                (
                    Column.of("run", "run"),
                    Column.of("s", "seconds", ".1f"),
                    Column.of("MiB", "peak_mib", ",.0f"),
                    Column.of("page, MiB", "page_mib", ".2f"),
                    Column.of("drawn after, s", "drawn_s", ".2f"),
                ),
            ),
        ),
    ),
    Section(
        "Start-up",
        "startup",
        """
Whole commands from the shell's point of view, and the import of some modules in a fresh Python.
""",
        (
            (
                "commands",
                "",
                (Column.of("command", "command"), Column.of("s", "seconds", ".2f")),
            ),
            (
                "imports",
                "",
                (
                    Column.of("import", "module"),
                    Column.of("s", "seconds", ".3f"),
                    Column.of("modules", "modules", ",d"),
                ),
            ),
        ),
    ),
)

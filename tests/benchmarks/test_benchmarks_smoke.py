"""The command that measures everything works from end to end, with loads that take seconds."""

from __future__ import annotations

import pytest

from tests.benchmarks.collect import measure
from tests.benchmarks.peers.load import ANSWER_S
from tests.benchmarks.peers.ours import FLOORS, HARNESSES
from tests.benchmarks.peers.test_many_in_flight import CLIENTS
from tests.benchmarks.peers.test_side_by_side import SMALL


@pytest.mark.slow
def test_clients_are_measured_side_by_side():
    """Every client of ours has a row with its figures, of which none is better than ideal."""
    tables = measure("clients_100", rounds=1, smoke=True)
    (name,) = tables
    rows = {row["client"]: row for row in tables[name]["rows"]}
    ideal = rows.pop("ideal")
    assert list(rows) == [client.name for client in (*HARNESSES, *FLOORS)]
    assert ideal["requests_per_s"] == SMALL.in_flight / ANSWER_S
    for row in rows.values():
        assert "trouble" not in row, row
        assert 0 < row["requests_per_s"] <= ideal["requests_per_s"]
        assert 0 < row["in_flight"] <= SMALL.in_flight * 1.01
        assert row["command_s"] >= ideal["command_s"]
        # The server sends nothing early, and whoever asked had asked before.
        assert 0 <= row["ttft_error_p50_ms"] <= row["ttft_error_p99_ms"]
        assert row["cpu_ms"] > 0
        assert row["peak_mib"] > 0
        assert row["server_cpu_ms"] > 0
    assert all(rows[client.name]["wire_error_p50_ms"] is not None for client in HARNESSES)


@pytest.mark.slow
def test_memory_is_measured_with_a_window_that_is_full():
    """Of the clients that can take in so much."""
    tables = measure("clients_5000", rounds=1, smoke=True)
    (rows,) = (table["rows"] for table in tables.values())
    assert [row["client"] for row in rows] == [client.name for client in CLIENTS]
    for row in rows:
        assert 19 <= row["most_in_flight"] <= 20
        assert row["peak_mib"] > 0
        assert row["wire_error_p99_ms"] >= row["wire_error_p50_ms"] >= 0

"""What each client says of its own run is read as it means it, and what it cost is counted whole."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from tests.benchmarks.peers.load import LOADS, Load, Reading
from tests.benchmarks.peers.measured import Cost, measured, times_of
from tests.benchmarks.peers.others import Aiperf, Guidellm
from tests.benchmarks.peers.ours import Harness, RawSdk
from tests.benchmarks.peers.server import Lateness, Server, lateness_of
from tests.benchmarks.peers.test_side_by_side import Turns, row

AIPERF = {
    "request_count": {"unit": "requests", "avg": 60.0},
    "request_throughput": {"unit": "requests/sec", "avg": 20.0},
    "request_latency": {"unit": "ms", "avg": 900.0, "p50": 850.0},
    "time_to_first_token": {"unit": "ms", "avg": 569.0, "p50": 510.0, "p99": 660.0},
}
GUIDELLM = {
    "benchmarks": [
        {
            "metrics": {
                "request_totals": {"successful": 60, "errored": 0, "incomplete": 0, "total": 60},
                "requests_per_second": {"successful": {"mean": 20.0, "median": 3.0}},
                "request_latency": {"successful": {"mean": 0.9, "median": 0.8}},
                "time_to_first_token_ms": {"successful": {"mean": 526.0, "percentiles": {"p50": 510.0, "p99": 660.0}}},
            }
        }
    ]
}
SUMMARY = {
    "cells": [
        {
            "requests": 2, "failed": 0, "total_s": {"mean": 4.0}, "ttft_s": {"p50": 0.6, "p99": 0.7},
            "wire": {"ttft_s": {"p50": 0.51, "p99": 0.52}},
        }
    ]
}  # fmt: skip
EXPECTED = Reading(answered=60, requests_per_s=20.0, latency_mean_s=0.9, ttft_p50_s=0.51, ttft_p99_s=0.66)


def test_the_ideal_is_full_waves():
    """As many as are in flight are answered every 0.8 s."""
    assert [(load.ideal_s, load.ideal_per_s) for load in LOADS] == [pytest.approx((8, 125)), pytest.approx((2.4, 1250))]
    assert Load(100, 101).ideal_s == pytest.approx(1.6)


def test_aiperf_is_read(tmp_path: Path):
    """Milliseconds become seconds, and the mean of whole answers is not their median."""
    (tmp_path / "profile_export_aiperf.json").write_text(json.dumps(AIPERF))
    assert Aiperf().read(tmp_path) == EXPECTED


def test_errors_of_aiperf_are_no_answers(tmp_path: Path):
    """A run with errors does not count."""
    found = AIPERF | {"error_request_count": {"avg": 1.0}, "error_summary": ["refused"]}
    (tmp_path / "profile_export_aiperf.json").write_text(json.dumps(found))
    with pytest.raises(AssertionError, match="refused"):
        Aiperf().read(tmp_path)


def test_guidellm_is_read(tmp_path: Path):
    """Its file is named after what it is told, with the kind at its end."""
    (tmp_path / "out.json").write_text(json.dumps(GUIDELLM))
    assert Guidellm().read(tmp_path / "out") == EXPECTED


def test_the_harness_is_read(tmp_path: Path):
    """From its summary, and from its tables what the summary lacks: the mean of whole answers."""
    (tmp_path / "summary.json").write_text(json.dumps(SUMMARY))
    pd.DataFrame({"request": [0, 1], "latency_s": [1.0, 3.0]}).to_parquet(tmp_path / "requests.parquet")
    found = Harness("h", ()).read(tmp_path)
    assert found == Reading(2, 0.5, 2.0, 0.6, 0.7, wire_p50_s=0.51, wire_p99_s=0.52)
    assert found.in_flight == 1.0


def test_the_sdk_alone_is_read(tmp_path: Path):
    """Its rate is over the time from the first call to the last answer."""
    (tmp_path / "out").write_text(json.dumps([[0.0, 0.5, 1.0], [1.0, 1.75, 4.0]]))
    assert RawSdk("httpx2").read(tmp_path / "out") == Reading(2, 0.5, 2.0, 0.75, 0.75)


def test_an_error_is_what_is_above_the_servers_half_second():
    """In milliseconds, and None where a client tells nothing."""
    reading = Reading(100, 100.0, 0.9, 0.51, 0.66)
    lateness = Lateness(200, 200, 0.001, 0.002, 0.003, 0.004)
    cost = Cost(0, wall_s=10.0, cpu_s=5.0, peak_mib=64.0, machine_cpu_s=9.0, said="")
    found = row(reading, lateness, cost, server_s=0.5, own_s=0.5)
    assert (found["ttft_error_p50_ms"], found["ttft_error_p99_ms"]) == (pytest.approx(10.0), pytest.approx(160.0))
    assert found["wire_error_p50_ms"] is None
    assert (found["cpu_ms"], found["client_cores"]) == (50.0, 0.5)
    # A second of CPU in a second of requests is a core; who else was busy is what is left of the machine's CPU.
    assert (found["server_cores"], found["server_cpu_ms"], found["others_cores"]) == (0.5, 2.5, pytest.approx(0.3))


def test_the_server_is_judged_by_its_first_tokens():
    """What was never sent, and what was never planned to be, is left out."""

    def event(name: str, planned_s: float | None, real_s: float | None) -> dict[str, object]:
        return {"name": name, "planned_s": planned_s, "real_s": real_s}

    whole = [event("headers", 0.0, 0.001), event("token", 0.5, 0.502), event("token", 0.52, 0.53)]
    cut = [event("headers", 0.0, 0.001), event("token", 0.5, None), event("end", None, None)]
    found = lateness_of([{"events": whole}, {"events": cut}])
    assert (found.attempts, found.whole) == (2, 1)
    assert found.first_p50_s == pytest.approx(0.002)
    assert found.all_p99_s == pytest.approx(0.01)


def test_a_name_with_brackets_does_not_move_the_fields():
    """User and system time are the 14th and 15th fields of /proc/PID/stat."""
    after = " ".join(["S", *map(str, range(4, 14)), "200", "100", "0"])
    assert times_of(f"7 (a ) b (c) {after}") == (2.0, 1.0)


def test_the_cpu_of_a_server_is_counted_finer_than_a_tick():
    """It is that of the process that is named, as the system counts it."""
    before = time.process_time()
    counted = Server(1, os.getpid()).cpu_s()
    assert before < counted < time.process_time()


def test_a_client_without_a_turn_is_left_out():
    """With the first of its troubles."""
    found = Turns(Harness("h", ()), troubles=["exit code 1: no", "exit code 2"]).median(Load(1, 2))
    assert found == {"client": "h", "in_flight_asked": 1, "requests": 2, "left_out": "exit code 1: no"}


@pytest.mark.slow
def test_what_children_spend_is_counted(tmp_path: Path):
    """CPU and memory of a process that a command starts, and its exit code and last words."""
    child = "import time; x = bytearray(200 * 2**20); a = time.process_time()\nwhile time.process_time() - a < 1: pass"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}]); sys.exit('the end')"
    found = measured([sys.executable, "-c", code], {}, tmp_path / "errors", 60)
    assert (found.exit_code, found.said) == (1, "the end")
    assert found.cpu_s >= 1
    assert found.peak_mib >= 200
    assert found.wall_s >= 1


@pytest.mark.slow
def test_a_command_that_hangs_is_ended_with_its_children(tmp_path: Path):
    """So that one client does not stop the others from being measured."""
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])"
    found = measured([sys.executable, "-c", code], {}, tmp_path / "errors", 1)
    assert found.exit_code == -9
    assert found.wall_s < 30

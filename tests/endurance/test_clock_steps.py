"""Somebody sets the clock: what is measured and decided comes from clocks that only go on."""

from __future__ import annotations

import ast
import json
import os
from pathlib import Path

import pytest

import harness
from harness.cli.live.follow import Followed
from harness.storage import RunFolder
from tests.cli.live_runs import Clock
from tests.endurance.commands import assert_equal_runs, called, lines
from tests.folders import manifest, outcome

#: Modules that may look at the time of day: dates of manifests, folders and headers, and the views of other processes'
#: runs, which have no other clock in common. Nothing of it is a figure of a run.
BY_DAY = {
    "clock/__init__.py", "doctor/clocks.py", "runner/manifest.py", "storage/folder.py", "cli/live/display.py",
    "cli/live/follow.py",
}  # fmt: skip

#: Every look at the time of day jumps by hours, forward and back.
STEPPING = """
import itertools, time
jumps = itertools.cycle([0, 7200, -86400, 36000, -3600])
true_time, true_ns = time.time, time.time_ns
time.time = lambda: true_time() + next(jumps)
time.time_ns = lambda: true_ns() + next(jumps) * 10**9
"""


def stepping(where: Path) -> dict[str, str]:
    """An environment whose Python has such a clock."""
    folder = where / "stepping"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(STEPPING)
    return {"PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])}


def test_the_time_of_day_is_asked_for_dates_alone():
    """Whoever needs it for anything else has to say so here."""
    root, found = Path(harness.__file__).parent, set()
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                name = f"{node.value.id}.{node.attr}"
                if name in {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "time.gmtime"}:
                    found.add(path.relative_to(root).as_posix())
    assert found <= BY_DAY
    assert len(found) > 3


@pytest.mark.slow
def test_a_clock_that_steps_changes_no_record(tmp_path: Path):
    """Virtual time: byte for byte."""
    words = ["run", "article", "trials=1", "workload.batches=2", "workload.batch_size=10", "report=false"]
    code, _, err = called(tmp_path, [*words, "out=stepping-run"], env=stepping(tmp_path))
    assert code == 0, err
    code, _, err = called(tmp_path, [*words, "out=steady"])
    assert code == 0, err
    assert_equal_runs(tmp_path / "stepping-run", tmp_path / "steady")


@pytest.mark.slow
def test_a_clock_that_steps_changes_no_measured_time(tmp_path: Path):
    """Real time, over sockets: instants in order, nothing timed out, nothing of hours."""
    words = ["run", "strategy=article_10", "profile=calm", "time_scale=0.05", "clock=real", "report=false", "out=run"]
    words += ["workload.batches=2", "workload.batch_size=10"]
    code, _, err = called(tmp_path, words, env=stepping(tmp_path))
    assert code == 0, err
    found = lines(tmp_path / "run")
    assert len(found) == 20
    for one in found:
        assert one["outcome"] == "ok"
        assert 0 <= one["start_s"] <= one["end_s"] < 600
        for attempt in one["attempts"]:
            assert one["start_s"] <= attempt["send_s"] <= attempt["headers_s"] <= attempt["end_s"] <= one["end_s"]
    told = json.loads((tmp_path / "run" / "manifest.json").read_text())
    for who in ("server_timing", "client_timing"):
        assert all(0 <= told[who][name] < 600 for name in ("p50_s", "p99_s", "max_s"))


def test_a_run_that_ended_before_it_began_has_no_time_below_zero(tmp_path: Path):
    """Its watcher shows no pace rather than a negative one."""
    folder = RunFolder.create(tmp_path / "run", "made")
    folder.write_config({"trials": 1})
    times = {"started": "2026-01-01T05:00:00Z", "ended": "2026-01-01T01:00:00Z"}
    folder.write_manifest(manifest({"a": {}}, 4, status="complete", **times))
    for request in range(4):
        folder.append(outcome("a", 0, request, request, float(request), 1.0))
    folder.close()
    run = Followed(folder, clock=Clock(0.0))
    run.look()
    shown = run.to_dict()
    assert shown["requests_per_s"] is None
    assert all(shown[name] is None or shown[name] >= 0 for name in ("left_s", "silent_s"))
    assert shown["batch"]["elapsed_s"] >= 0

"""`--json`: standard output is one document, whatever the subcommand; all else goes to standard error."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli.commands import COMMANDS

#: Subcommands whose result is no data: a script for a shell.
WITHOUT = {"completion"}
SMALL = ["article", "trials=3", "workload.batches=2", "workload.batch_size=5", "report=false"]
CALLS = {
    "run": ["run", *SMALL, "out=again", "--json"],
    "report": ["report", "run", "--json"],
    "compare": ["compare", "run", "run", "--json"],
    "baseline": ["baseline", "run", "baseline.json", "--json"],
    "tune": ["tune", "run", "--json"],
    "list": ["list", "--json"],
    "new": ["new", "experiment", "mine", "--json"],
    "publish": ["publish", "run", "published", "--json"],
    "doctor": ["doctor", "--json"],
}


def test_every_subcommand_with_a_result_is_tried():
    """Those of others are added here when they come; `serve` has a test of its own."""
    assert {command.name for command in COMMANDS} - set(CALLS) - WITHOUT - {"serve"} <= {"watch"}


@pytest.mark.parametrize("name", CALLS)
def test_json_is_one_document(harness, name):
    """And nothing beside it."""
    assert harness("run", *SMALL, "out=run")[0] == 0
    code, out, err = harness(*CALLS[name])
    assert code in {0, 1}, err
    assert json.loads(out)


def test_several_runs_are_one_list(harness):
    """A summary for each."""
    words = ["strategy=article_10,article_20", "workload=smoke", "report=false"]
    code, out, err = harness("run", "-m", *words, "--json")
    assert code == 0, err
    assert [one["cells"][0]["cell"] for one in json.loads(out)] == ["article_10", "article_20"]


def test_an_interrupt_ends_all_of_several_runs(harness, monkeypatch):
    """Ctrl-C does not mean the next one; what there is by then is still one document."""
    played = []

    def interrupted(experiment, **_):
        played.append(experiment.name)
        return 130, {"cells": []}

    monkeypatch.setattr("harness.cli.play.play", interrupted)
    code, out, _ = harness("run", "-m", "strategy=article_10,article_20", "--json")
    assert (code, played, json.loads(out)) == (130, ["article_10"], [{"cells": []}])


def test_a_server_says_where_it_listens(tmp_path):
    """One document, as soon as it does; a script need not parse what people read."""
    command = [sys.executable, "-m", "harness", "serve", "profile=instant", "port=0", "--json"]
    root = str(Path(__file__).parents[2])
    environment = os.environ | {"PYTHONPATH": root}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as server:
        lines = [server.stdout.readline() for _ in range(5)]
        server.send_signal(signal.SIGTERM)
        rest, _ = server.communicate(timeout=30)
    found = json.loads(b"".join(lines) + rest)
    assert found["base_url"].startswith("http://127.0.0.1:")
    assert (found["profile"], found["seed"]) == ("instant", 0)

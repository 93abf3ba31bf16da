"""The command: what it prints where, what it leaves, and its exit codes."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.cli import main

SMALL = ["workload.batches=2", "workload.batch_size=5", "report=false"]


def test_a_run_leaves_its_folder_and_says_where(harness):
    """Results on stdout, everything else on stderr."""
    code, out, err = harness("run", "article", "trials=3", "out=run", *SMALL)
    assert code == 0
    assert re.search(r"^article_10 +\d", out, re.MULTILINE)
    assert "run folder: run" in err
    assert "requests to play" in err
    assert {path.name for path in Path("run").iterdir()} == {
        "config.yaml", "manifest.json", "records.jsonl", "requests.parquet", "attempts.parquet", "batches.csv",
        "quantiles.csv", "summary.json",
    }  # fmt: skip
    manifest = json.loads(Path("run/manifest.json").read_text())
    assert (manifest["status"], manifest["seeds"], manifest["clock"]) == ("complete", [0, 1, 2], "virtual")
    assert manifest["ended"]
    assert manifest["played_by"]["workers"] >= 1


def test_a_run_leaves_its_report_beside_the_records(harness):
    """And says where to open it."""
    _, _, err = harness("run", "article", "out=run", "trials=1", *SMALL[:2])
    assert "report: run/report/index.html" in err
    assert Path("run/report/figures/batch_timings.png").stat().st_size > 10_000


def test_json_prints_the_summary(harness):
    """What is on stdout is summary.json."""
    _, out, _ = harness("run", "article", "out=run", "trials=1", "--json", *SMALL)
    assert json.loads(out) == json.loads(Path("run/summary.json").read_text())


def test_one_process_and_several_write_the_same(harness):
    """Engines differ in speed only."""
    harness("run", "article", "out=local", "trials=2", "engine=local", *SMALL)
    harness("run", "article", "out=several", "trials=2", "engine=processes", *SMALL)
    for name in ("records.jsonl", "summary.json", "batches.csv"):
        assert Path("local", name).read_bytes() == Path("several", name).read_bytes()


def test_records_do_not_depend_on_the_hash_seed():
    """Two processes with other hash seeds write the same bytes."""
    for seed in ("1", "2"):
        command = [sys.executable, "-m", "harness", "run", "article", f"out=run{seed}", "trials=1", *SMALL]
        subprocess.run(command, env=os.environ | {"PYTHONHASHSEED": seed}, check=True, capture_output=True)
    assert Path("run1/records.jsonl").read_bytes() == Path("run2/records.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "artcle"], "error: no experiment named 'artcle'; did you mean 'article'?\n"),
        (["run", "article", "grid"], "error: one experiment at a time, not article and grid"),
        (["run", "article", "trails=1"], "error: unknown key 'trails'; did you mean 'trials'?\n"),
        (["run", "article", "resume=true"], "error: resume=true needs out=DIR"),
        (["run", "article", "resume=true", "out=nowhere"], "error: no run folder at nowhere"),
        (["report", "nowhere"], "error: no run folder at nowhere"),
        (["compare", "a", "b"], "error: cannot read a"),
        (["serve", "profile=clam"], "error: no profile named 'clam'; did you mean 'calm'?\n"),
        (["publish", "nowhere", "there"], "error: no run folder at nowhere"),
    ],
)
def test_mistakes_are_one_line_and_exit_2(harness, words, message):
    """No traceback, nothing on stdout, nothing left behind."""
    code, out, err = harness(*words)
    assert (code, out) == (2, "")
    assert err.startswith(message)
    assert len(err.splitlines()) <= 2
    assert list(Path().iterdir()) == []


def test_a_used_folder_is_left_alone(harness):
    """Running twice into one place loses nothing."""
    harness("run", "article", "out=run", "trials=1", *SMALL)
    before = {path: path.read_bytes() for path in Path("run").iterdir()}
    code, _, err = harness("run", "article", "out=run", "trials=1", *SMALL)
    assert (code, err.count("\n")) == (2, 1)
    assert "is not empty; choose another out=, or continue the run in it with resume=true" in err
    assert {path: path.read_bytes() for path in Path("run").iterdir()} == before


def test_a_run_is_resumed_with_the_same_settings_only(harness):
    """Other settings would mix two runs; more trials are welcome."""
    harness("run", "article", "out=run", "trials=1", *SMALL)
    code, _, err = harness("run", "article", "out=run", "trials=1", "seed=5", "resume=true", *SMALL)
    assert code == 2
    assert "recorded with other settings (seed)" in err
    code, _, _ = harness("run", "article", "out=run", "trials=2", "resume=true", *SMALL)
    harness("run", "article", "out=whole", "trials=2", *SMALL)
    assert code == 0
    assert Path("run/summary.json").read_bytes() == Path("whole/summary.json").read_bytes()


def test_a_run_is_not_resumed_with_another_file_behind_a_name(harness):
    """A matrix names strategies, profiles and faults; what the names stand for must be the same too."""
    folder = Path("conf/fault")
    folder.mkdir(parents=True)
    words = ["run", "article", "matrix.strategy=[article_10]", "matrix.fault=[mine]", "trials=1", "out=run", *SMALL]
    (folder / "mine.yaml").write_text("{kind: status_error, probability: 0.1}")
    assert harness(*words)[0] == 0
    (folder / "mine.yaml").write_text("{kind: status_error, probability: 0.2}")
    code, _, err = harness(*words, "resume=true")
    assert code == 2
    assert "recorded with other settings (profiles)" in err


def test_a_failed_cell_leaves_the_others_standing(harness):
    """Exit 3, and the table shows what there is."""
    words = [
        "matrix.timeout=[5,off]",
        "batch_limit_s=100",
        "strategy=sdk_default",
        "trials=1",
        "out=run",
        "report=false",
    ]
    code, out, err = harness("run", *words, "workload.batch_size=100", "seed=2")
    assert code == 3
    assert re.search(r"cell timeout=off failed: trial 0: batch .* hit batch_limit_s=100", err)
    assert "timeout=5" in out
    manifest = json.loads(Path("run/manifest.json").read_text())
    assert (manifest["status"], list(manifest["failed_cells"])) == ("incomplete", ["timeout=off"])


def test_too_many_failures_stop_the_run(harness):
    """Exit 3, results written, and how to go on."""
    code, _, err = harness("run", "strategy.timeout=0.01", "max_failures=2", "out=run", *SMALL)
    assert code == 3
    assert "stopped after 3 failed requests (max_failures=2)" in err
    assert "resume=true" in err
    assert Path("run/summary.json").is_file()


@pytest.mark.parametrize("engine", ["local", "processes"])
def test_ctrl_c_ends_cleanly_and_the_run_can_be_continued(tmp_path: Path, engine):
    """Exit 130 without a traceback; resumed it equals an uninterrupted run."""
    words = ["run", "article", "trials=1", "workload.batches=4", "report=false"]
    # Whoever started the tests in the background may have had Ctrl-C ignored for all that they start.
    code = (
        "import signal, sys; from harness.cli import main; "
        "signal.signal(signal.SIGINT, signal.default_int_handler); sys.exit(main())"
    )
    command = [sys.executable, "-c", code, *words, f"engine={engine}", "out=run"]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    records = tmp_path / "run" / "records.jsonl"
    while not records.is_file() or records.stat().st_size < 100_000:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.005)
    # A terminal sends it to every process of the command, workers included.
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "interrupted; what was finished is kept" in err
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["status"] == "interrupted"
    before = records.read_text()
    assert main([*words, "engine=processes", "out=run", "resume=true"]) == 0
    assert main([*words, "out=whole"]) == 0
    assert records.read_text().startswith(before)
    assert records.read_bytes() == (tmp_path / "whole" / "records.jsonl").read_bytes()


def test_killed_at_any_moment_nothing_finished_is_lost(tmp_path: Path):
    """kill -9 in the middle of a run: what was on disk stays, and the resumed run equals an uninterrupted one."""
    words = ["run", "article", "trials=1", "workload.batches=4", "report=false"]
    command = [sys.executable, "-m", "harness", *words, "engine=local", "out=run"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    records = tmp_path / "run" / "records.jsonl"
    while not records.is_file() or records.stat().st_size < 200_000:
        assert process.poll() is None
        time.sleep(0.005)
    process.kill()
    process.wait()
    assert main([*words, "out=run", "resume=true"]) == 0
    assert main([*words, "out=whole"]) == 0
    assert records.read_bytes() == (tmp_path / "whole" / "records.jsonl").read_bytes()


@pytest.mark.parametrize("deaf", [["stdout"], ["stderr"], ["stdout", "stderr"]], ids=" and ".join)
def test_a_reader_that_has_seen_enough_loses_no_report(tmp_path: Path, deaf):
    """`harness run ... 2>&1 | head -1`: the run is reported all the same, and nobody complains."""
    words = ["run", "article", "trials=2", *SMALL[:2], "engine=local", "out=run"]
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as gone:
        heard = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | dict.fromkeys(deaf, gone)
        done = subprocess.run([sys.executable, "-m", "harness", *words], text=True, check=False, **heard)
    assert done.returncode == 0, done.stderr
    assert (done.stderr is None) or "report: run/report/index.html" in done.stderr
    assert "Broken" not in (done.stderr or "")
    assert (tmp_path / "run/report/index.html").is_file()


@pytest.mark.parametrize(
    ("words", "redirected", "code"),
    [
        (["run", *SMALL, "trials=1", "report=false", "out=run"], "2>&-", 0),
        (["run", *SMALL, "trials=1", "report=false", "out=run"], ">&-", 0),
        (["run", "foo=1"], "2>&-", 2),
        (["list"], ">&- 2>&- <&-", 0),
        (["list"], ">/dev/full", 5),
    ],
)
def test_streams_that_are_closed_or_full_are_no_traceback(tmp_path: Path, words, redirected, code):
    """What is done is done, and what is opened meanwhile does not take their place."""
    command = f"{shlex.join([sys.executable, '-m', 'harness', *words])} {redirected}"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    if "out=run" in words:
        assert (tmp_path / "run" / "summary.json").is_file()
    if code == 5:
        assert done.stderr.startswith("error: no space left, while writing what was to be printed; ")


def test_report_rebuilds_from_records(harness):
    """Into the folder that is named, with equal tables."""
    harness("run", "article", "out=run", "trials=1", *SMALL[:2])
    code, out, err = harness("report", "run", "--out", "there")
    assert code == 0
    assert "article_10" in out
    assert "report: there/index.html" in err
    assert Path("there/tables/cells.csv").read_bytes() == Path("run/report/tables/cells.csv").read_bytes()


def test_compare_says_whether_settings_got_slower(harness):
    """Four times the timeout is slower on a bad day, and CI fails."""
    size = ["workload.batches=3", "workload.batch_size=20", "profile=incident"]
    words = ["run", "article", "matrix.strategy=[article_10]", "trials=6", "report=false", *size]
    harness(*words, "out=base", "matrix.timeout=[5]")
    summary = json.loads(Path("base/summary.json").read_text())
    harness(*words, "out=slow", "matrix.timeout=[20]")
    slow = Path("slow/summary.json")
    renamed = slow.read_text().replace("timeout=20", "timeout=5")
    slow.write_text(renamed)
    code, out, _ = harness("compare", "base/summary.json", "slow/summary.json", "--fail-over", "10")
    assert summary["cells"][0]["trials"] == 6
    assert code == 1
    assert "FAIL: significantly more than 10 % slower: article_10,timeout=5" in out
    assert harness("compare", "base", "base")[0] == 0


def test_one_folder_for_several_runs_is_refused(harness):
    """Before the first of them is played."""
    code, out, err = harness("run", "-m", "seed=1,2", "workload=smoke", "report=false", "out=run")
    assert (code, out) == (2, "")
    assert err == "error: out=run is one folder for 2 runs; without it each has one of its own\n"
    assert not Path("run").exists()


def test_several_values_are_several_runs(harness):
    """-m plays every combination into a folder of its own."""
    code, out, _ = harness("run", "-m", "strategy=article_10,article_20", "workload=smoke", "report=false")
    assert code == 0
    assert len(list(Path("experiments").glob("*/runs/*/summary.json"))) == 2
    assert "article_10" in out
    assert "article_20" in out


def test_list_names_what_can_be_chosen(harness):
    """With a line about each."""
    _, out, _ = harness("list")
    assert re.search(r"^  article_10 +as published: timeout=10", out, re.MULTILINE)
    _, out, _ = harness("list", "--json")
    assert set(json.loads(out)) == {"experiments", "strategies", "profiles", "faults", "workloads"}


def test_the_mock_is_started_and_stopped_for_a_run_in_real_time(harness, monkeypatch):
    """clock=real, target=mock: a server in another process, real sockets; a proxy of the environment sees nothing."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    code, _, err = harness(
        "run", "strategy=article_10", "profile=instant", "workload=smoke", "clock=real", "out=run", "report=false"
    )
    assert code == 0, err
    summary = json.loads(Path("run/summary.json").read_text())
    assert (summary["clock"], summary["network"], summary["cells"][0]["failed"]) == ("real", "tcp", 0)
    manifest = json.loads(Path("run/manifest.json").read_text())
    for who in ("server", "client"):
        timing = manifest[f"{who}_timing"]
        assert 0 <= timing["p50_s"] <= timing["p99_s"] <= timing["max_s"]
        assert timing["late"] == (f"{who}_late" in {note["code"] for note in summary["warnings"]})


def test_an_interrupted_run_in_real_time_keeps_its_whole_batches(harness):
    """Batches that are whole are not sent again; the broken one is, and its later records count."""
    words = ["run", "strategy=article_10", "profile=instant", "workload=smoke", "clock=real", "out=run"]
    harness(*words, "report=false")
    path = Path("run/records.jsonl")
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:13]) + lines[13][:50])
    code, _, err = harness(*words, "report=false", "resume=true")
    assert code == 0, err
    after = path.read_text().splitlines(keepends=True)
    assert after[:13] == lines[:13]
    assert len(after) == 13 + 10
    assert json.loads(Path("run/summary.json").read_text())["cells"][0]["requests"] == 20


def test_two_cells_of_one_run_are_compared_and_told_to_the_job(harness, tmp_path, monkeypatch):
    """Exit 1 for the slower one; Markdown goes to a file, and to the summary of a job on GitHub."""
    words = ["strategy=article_10", "matrix.timeout=[3,40]", "trials=4", "profile=incident", "report=false"]
    assert harness("run", *words, "workload.batches=3", "workload.batch_size=20", "out=run")[0] == 0
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    names = [cell["cell"] for cell in json.loads(Path("run/summary.json").read_text())["cells"]]
    short, long = (next(name for name in names if name.endswith(f"timeout={t}")) for t in (3, 40))
    code, out, _ = harness("compare", "run", "--cells", short, long, "--markdown", "verdict.md")
    assert (code, "FAIL: significantly slower" in out) == (1, True)
    assert Path("verdict.md").read_text() == (tmp_path / "summary.md").read_text()
    assert "FAIL: significantly more load" in harness("compare", "run", "--cells", long, short)[1]
    assert harness("compare", "run", "--cells", long, short, "--fail-over", "10")[0] == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["compare", "run"], "error: compare needs BASE and CANDIDATE, or BASE --cells CELL CELL"),
        (["compare", "run", "run", "--cells", "a", "b"], "error: --cells compares two cells of one run"),
    ],
)
def test_a_comparison_needs_two_sides(harness, words, message):
    """One line, exit 2."""
    code, _, err = harness(*words)
    assert code == 2
    assert err.startswith(message)


@pytest.mark.parametrize("flag", [("--export", "pytest-benchmark"), ("--export=pytest-benchmark",)])
def test_a_run_is_exported_for_pytest_benchmark(harness, flag):
    """Wherever the flag stands among the words; `report` does it later."""
    words = ("strategy=article_10", "workload=smoke", "out=run", "report=false")
    code, _, err = harness("run", *words[:1], *flag, *words[1:])
    assert code == 0, err
    assert "exported: run/pytest-benchmark.json" in err
    written = Path("run/pytest-benchmark.json").read_bytes()
    code, _, err = harness("report", "run", "--out", "again", *flag)
    assert code == 0, err
    assert Path("again/pytest-benchmark.json").read_bytes() == written


def test_an_unknown_export_is_refused_before_anything_is_played(harness):
    """With what there is."""
    code, _, err = harness("run", "strategy=article_10", "out=run", "--export", "junit")
    assert code == 2
    assert err.startswith("error: argument --export: no format 'junit'; there are: pytest-benchmark")
    assert not Path("run").exists()

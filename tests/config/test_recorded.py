"""Profiles made of one's own records."""

import json
import subprocess
import sys

import pandas as pd
import pytest

from harness.config import compose, serve_settings
from harness.config.recorded import MOST_TIMES
from harness.errors import UserError

LOG = "ttft_s,status,duration_s\n0.5,200,1.5\n0.75,200,1.75\n,,\n2.0,503,2.0\n"


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(LOG)
    return path


def profile(file, *words):
    return serve_settings(["profile=recorded", f"profile.recording.file={file}", *words]).profile


def test_a_log_becomes_times_and_faults(log):
    """Answered attempts are replayed, errors come as often and as late as they did, and silence stays silence."""
    found = profile(log)
    assert found.headers.times == (0.5, 0.75)
    assert found.end.times == (1.0, 1.0)
    error, silence = found.faults
    assert (error.status, error.probability, error.after.times) == (503, 0.25, (2.0,))
    assert (silence.name, silence.probability) == ("hang_before_headers", 0.25)


def test_every_recorded_time_is_met(log):
    """And no other."""
    found = profile(log)
    times = {found.script(0, str(i), 1).events[0].at_s for i in range(200) if not found.script(0, str(i), 1).fault}
    assert times == {0.5, 0.75}


def test_a_run_is_composed_with_its_own_times(log):
    """The settings that the run folder keeps hold the times, and no path of this machine."""
    words = ["profile=recorded", f"profile.recording.file={log}"]
    experiment = compose("article", words)
    assert experiment.settings.profile.headers.times == (0.5, 0.75)
    assert str(log) not in json.dumps(experiment.resolved)


def test_a_run_folder_can_be_replayed(tmp_path):
    """The attempts of one cell: what was answered, and what timed out as never answered."""
    run = tmp_path / "run"
    run.mkdir()
    columns = {"cell": ["a", "a", "a", "b"], "outcome": ["ok", "timeout", "ok", "ok"], "status": [200, None, 200, 200]}
    times = {"send_s": [0.0, 0.0, 1.0, 0.0], "end_s": [2.0, 10.0, 5.0, 1.0], "ttft_s": [1.0, None, 3.0, 0.5]}
    pd.DataFrame(columns | times).to_parquet(run / "attempts.parquet")
    found = profile(run, "profile.recording.cell=a")
    assert found.headers.times == (1.0, 3.0)
    assert [fault.probability for fault in found.faults] == [pytest.approx(1 / 3)]
    assert profile(run).headers.times == (0.5, 1.0, 3.0)
    with pytest.raises(UserError, match="has no cell 'c'; there are: a, b"):
        profile(run, "profile.recording.cell=c")


def test_a_long_log_is_thinned_out(tmp_path):
    """To quantiles, the smallest and the largest time among them."""
    path = tmp_path / "log.csv"
    path.write_text("ttft_s\n" + "".join(f"{i}\n" for i in range(10_000)))
    times = profile(path).headers.times
    assert (len(times), times[0], times[-1]) == (MOST_TIMES, 0.0, 9999.0)


@pytest.mark.parametrize(
    ("content", "words", "message"),
    [
        (None, (), "there is no"),
        ("a,b\n1,2\n", (), r"has no column 'ttft_s'.*profile\.recording\.column=NAME"),
        ("ttft\n1\n", (), "did you mean 'ttft'"),
        ("ttft_s\nsoon\n", (), "row 1: 'soon' in column 'ttft_s' is not a number"),
        ("ttft_s\n-1\n", (), "negative"),
        ("ttft_s,status\n1,500\n", (), "no attempt in it was answered"),
        ("", (), "cannot read"),
        (LOG, ("profile.recording.colum=x",), "unknown key 'profile.recording.colum'; did you mean 'column'"),
    ],
)
def test_a_file_that_cannot_be_replayed_is_one_line(tmp_path, content, words, message):
    """What is wrong, and what to do."""
    path = tmp_path / "log.csv"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UserError, match=message):
        profile(path, *words)


def test_a_recording_needs_a_file():
    """The packaged profile says how to name one."""
    with pytest.raises(UserError, match=r"needs profile\.recording\.file=PATH"):
        serve_settings(["profile=recorded"])
    with pytest.raises(UserError, match=r"needs profile\.recording\.file=PATH"):
        compose("article", ["matrix.profile=[recorded]"])


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("profile.faults=[{kind: no_such, probability: 1}]", "no_such"),
        ("profile.faults=[{kind: stall, probability: 0.7, duration: 1}, {kind: html_200, probability: 0.7}]", "1.4"),
        ("profile.faults=[{kind: stall, probability: 1, duration: 1, position: nowhere}]", "before_headers"),
        ("profile.faults=[{kind: stall, probability: 1, duration: 1, lenght: 3}]", "lenght"),
        ("profile.headers={kind: quantiles, points: {0.5: 2, 0.9: 1}}", "times must not fall"),
        ("profile.headers={kind: empirical, times: [2, 1]}", "ascending"),
        ("profile.load={slots: 0}", "greater than or equal to 1"),
        ("profile.name.first=x", "leads nowhere"),
        ("host=0.0.0.0", "not loopback"),
    ],
)
def test_serve_refuses_what_it_cannot_do_before_it_listens(word, message):
    """Exit 2 and one line."""
    command = [sys.executable, "-m", "harness", "serve", "port=0", word]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


def test_an_error_comes_as_late_as_it_did(tmp_path):
    """It has no first content, so its duration says when."""
    path = tmp_path / "log.csv"
    path.write_text("ttft_s,status,duration_s\n0.5,200,0.5\n,502,600\n")
    [error] = profile(path).faults
    assert (error.status, error.after.times) == (502, (600.0,))


def test_what_broke_breaks_again(tmp_path):
    """It was no silence: the client knew at once."""
    run = tmp_path / "run"
    run.mkdir()
    columns = {"cell": ["a", "a"], "outcome": ["ok", "connection_error"], "status": [200, None]}
    times = {"send_s": [0.0, 1.0], "end_s": [2.0, 1.5], "ttft_s": [1.0, None]}
    pd.DataFrame(columns | times).to_parquet(run / "attempts.parquet")
    [broken] = profile(run).faults
    assert (broken.name, broken.probability, broken.after.times) == ("drop_before_headers", 0.5, (0.5,))


@pytest.mark.parametrize("column", ["status", "duration_s"])
def test_every_column_that_is_read_is_checked(tmp_path, column):
    """With its row."""
    path = tmp_path / "log.csv"
    path.write_text(f"ttft_s,{column}\n0.5,1\n0.5,abc\n")
    with pytest.raises(UserError, match=f"row 2: 'abc' in column '{column}' is not"):
        profile(path)


def test_an_empty_column_says_nothing(tmp_path):
    """As if it were not there."""
    path = tmp_path / "log.csv"
    path.write_text("ttft_s,duration_s\n0.5,\n")
    assert profile(path).headers.times == (0.5,)


def test_a_comma_too_many_moves_no_column(tmp_path):
    """Spreadsheets write one at the end of each row."""
    path = tmp_path / "log.csv"
    path.write_text("ttft_s,status\n0.5,200,\n0.6,200,\n")
    assert profile(path).headers.times == (0.5, 0.6)

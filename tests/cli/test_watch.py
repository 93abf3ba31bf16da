"""`harness watch`: a run that another process plays."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from harness.cli.live.follow import Followed
from harness.cli.live.lines import SparseLines
from harness.cli.live.tail import Tail
from harness.cli.live.watching import Printed, conclusion, watch
from harness.errors import UserError
from harness.runner.lock import hold
from harness.storage import Parts, RunFolder
from tests.cli.live_runs import Clock
from tests.folders import made, manifest, outcome

#: 2026-01-01T00:00:00Z, when the runs of these tests began.
BEGAN = 1_767_225_600.0


def going(path: Path, *, requests: int = 4, trials: int = 2, **changes) -> RunFolder:
    """A run of one cell that has just begun."""
    folder = RunFolder.create(path, "made")
    folder.write_config({"trials": trials, "out": str(path)})
    fields = {"status": "running", "ended": None, "seeds": list(range(100, 100 + trials)), **changes}
    folder.write_manifest(manifest({"a": {}}, requests, **fields))
    return folder


def grown(folder: RunFolder, *requests: int, trial: int = 0) -> None:
    for request in requests:
        folder.append(outcome("a", trial, request, request, float(request), 1.0))
    folder.close()


class Elsewhere:
    """The other process: each wait of the watcher lets it do its next step, and time pass."""

    def __init__(self, clock: Clock, *steps) -> None:
        self._clock = clock
        self._steps = list(steps)

    def wait(self, seconds: float) -> None:
        self._clock.now += seconds
        step = self._steps.pop(0)
        step()


# -- following records


def test_only_what_is_new_is_read(tmp_path):
    """Each record once."""
    folder = going(tmp_path / "run")
    tail = Tail(folder.parts)
    grown(folder, 0, 1)
    assert [one.request for one in tail.outcomes()] == [0, 1]
    assert list(tail.outcomes()) == []
    grown(folder, 2)
    assert [one.request for one in tail.outcomes()] == [2]


def test_a_half_written_line_waits_for_its_rest(tmp_path):
    """Whoever appends may be in the middle of it."""
    folder = going(tmp_path / "run")
    grown(folder, 0, 1)
    path = folder.path / "records.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    tail = Tail(folder.parts)
    assert [one.request for one in tail.outcomes()] == [0]
    path.write_bytes(whole)
    assert [one.request for one in tail.outcomes()] == [1]


def test_a_line_longer_than_what_is_read_at_a_time_is_read(tmp_path):
    """A record of very many attempts."""
    path = tmp_path / "records.jsonl"
    long = outcome("a", 0, 0, 0, 0.0, 1.0, error="x" * 3_000_000)
    path.write_text(long.to_json() + "\n" + outcome("a", 0, 0, 1, 0.0, 1.0).to_json() + "\n")
    assert [one.request for one in Tail(Parts(tmp_path)).outcomes()] == [0, 1]


def test_a_line_that_is_no_record_is_named(tmp_path):
    """By its number in the file, also when it came later."""
    folder = going(tmp_path / "run")
    grown(folder, 0)
    tail = Tail(folder.parts)
    list(tail.outcomes())
    with (folder.path / "records.jsonl").open("a") as file:
        file.write("{}\n")
    with pytest.raises(UserError, match=r"records\.jsonl, line 2: not a record"):
        list(tail.outcomes())


def test_a_file_that_began_anew_is_read_anew(tmp_path):
    """As when someone emptied the folder and ran again."""
    folder = going(tmp_path / "run")
    grown(folder, 0, 1)
    run = Followed(folder, clock=Clock(BEGAN + 10))
    run.look()
    (folder.path / "records.jsonl").write_bytes(b"")
    grown(folder, 3)
    run.look()
    assert (run.state.done, run.state.batch.number) == (1, 3)


# -- the state of the run


def test_the_pace_counts_from_the_beginning_of_the_run(tmp_path):
    """Whoever comes late sees at once when it will end."""
    folder = going(tmp_path / "run")
    grown(folder, 0, 1)
    run = Followed(folder, clock=Clock(BEGAN + 10))
    run.look()
    assert run.state.left_s(run.now) == 30.0


def test_the_pace_of_a_resumed_run_counts_what_is_seen(tmp_path):
    """Nothing says how fast the records of before were."""
    folder = going(tmp_path / "run", resumed="2026-01-01T05:00:00Z")
    grown(folder, 0, 1)
    clock = Clock(BEGAN + 18_010)
    run = Followed(folder, clock=clock)
    run.look()
    assert run.state.left_s(run.now) is None
    grown(folder, 2, 3)
    clock.now += 4
    run.look()
    assert run.state.left_s(run.now) == 8.0


def test_a_run_of_unknown_length_is_followed_into_its_next_stage(tmp_path):
    """The manifest gets more seeds."""
    folder = going(tmp_path / "run")
    run = Followed(folder, clock=Clock(BEGAN))
    folder.update_manifest(seeds=list(range(9)))
    run.look()
    assert run.state.total == 36


def test_without_seeds_the_settings_tell_the_number_of_trials(tmp_path):
    """And records of further trials raise it."""
    folder = going(tmp_path / "run", seeds=[])
    run = Followed(folder, clock=Clock(BEGAN))
    assert run.state.plan.trials == 2
    grown(folder, 0, trial=4)
    run.look()
    run.look()
    assert run.state.plan.trials == 5


def test_a_cell_that_was_given_up_is_known(tmp_path):
    """With the reason, from the manifest."""
    folder = going(tmp_path / "run")
    folder.update_manifest(failed_cells={"a": "trial 0: odd"})
    run = Followed(folder, clock=Clock(BEGAN))
    run.look()
    assert run.to_dict()["cells"][0]["given_up"] == "trial 0: odd"


# -- watching


def test_it_watches_until_the_run_says_that_it_is_over(tmp_path):
    """And takes in the records of the last moment."""
    folder = going(tmp_path / "run", trials=1)
    clock, stream = Clock(BEGAN + 1), io.StringIO()
    run = Followed(folder, clock=clock)
    run.look()
    elsewhere = Elsewhere(
        clock,
        lambda: grown(folder, 0),
        lambda: grown(folder, 1, 2),
        lambda: (grown(folder, 3), folder.update_manifest(status="complete", ended="2026-01-01T00:00:09Z")),
    )
    watch(run, Printed(SparseLines(stream)), wait=elsewhere.wait)
    assert conclusion(run) == f"made: complete, 4/4 requests, 0 failed; next: harness report {folder.path}"
    lines = stream.getvalue().splitlines()
    assert lines[0] == "0/4 requests, 0 failed, -:-- left"
    assert lines[1].startswith("1/4 requests, 0 failed, trial 1/1 a, batch 1/4")


def test_a_run_that_hangs_is_said_to_be_silent(tmp_path):
    """How long, and again when that has doubled; it is watched on."""
    folder = going(tmp_path / "run")
    hold(folder)
    grown(folder, 0)
    clock, stream = Clock((folder.path / "records.jsonl").stat().st_mtime), io.StringIO()
    run = Followed(folder, clock=clock)
    run.look()

    def later(seconds: float):
        def step() -> None:
            clock.now += seconds

        return step

    over = lambda: folder.update_manifest(status="interrupted")  # noqa: E731 - a step like the others
    elsewhere = Elsewhere(clock, later(60), later(1), later(70), over)
    watch(run, Printed(SparseLines(stream)), wait=elsewhere.wait)
    said = [line for line in stream.getvalue().splitlines() if "nothing came" in line]
    assert said == ["nothing came for 1:00; has the run died?", "nothing came for 2:11; has the run died?"]


def test_a_run_that_was_killed_is_over(tmp_path):
    """No process holds its folder any more; it can be continued."""
    folder = going(tmp_path / "run", command="harness run made seed=3 out=elsewhere")
    grown(folder, 0)
    clock, stream = Clock((folder.path / "records.jsonl").stat().st_mtime), io.StringIO()
    run = Followed(folder, clock=clock)
    run.look()

    def later() -> None:
        clock.now += 9.0

    assert run.is_running
    watch(run, Printed(SparseLines(stream)), wait=Elsewhere(clock, later, later).wait)
    assert run.to_dict()["status"] == "killed"
    said = f"made: killed, 1/8 requests, 0 failed; next: harness run made seed=3 out={folder.path} resume=true"
    assert conclusion(run) == said


def test_whoever_comes_late_to_a_dead_run_sees_how_long_it_has_been_silent(tmp_path):
    """Since its last record was written, not since the watching began."""
    folder = going(tmp_path / "run")
    grown(folder, 0)
    written = (folder.path / "records.jsonl").stat().st_mtime
    run = Followed(folder, clock=Clock(written + 300))
    run.look()
    assert run.to_dict()["silent_s"] == pytest.approx(300)


def test_a_folder_that_vanishes_ends_the_watching(tmp_path):
    """With a line."""
    folder = going(tmp_path / "run")
    run = Followed(folder, clock=Clock(BEGAN))
    for path in folder.path.iterdir():
        path.unlink()
    with pytest.raises(UserError, match="is gone"):
        run.look()


# -- the command


def test_a_finished_run_is_over_already(harness, tmp_path):
    """Exit 0, and what to do next."""
    made(tmp_path / "run", {"a": [[1.0, 2.0]]}, seeds=[100])
    code, out, err = harness("watch", "run")
    assert (code, err) == (0, "")
    assert out == "over already: made: complete, 2/2 requests, 0 failed; next: harness report run\n"


def test_where_it_stands_can_be_had_as_json(harness, tmp_path):
    """Once, of a run that goes on."""
    grown(going(tmp_path / "run"), 0, 1)
    code, out, err = harness("watch", "run", "--json")
    found = json.loads(out)
    assert (code, err) == (0, "")
    assert (found["run"], found["status"], found["done"], found["requests"]) == ("run", "running", 2, 8)
    assert found["batch"] == {"cell": "a", "trial": 0, "batch": 1, "done": 1, "size": 1, "elapsed_s": 1.0}
    assert found["slowest"][0]["seconds"] == 1.0


def test_results_without_records_cannot_be_watched(harness, tmp_path):
    """One line, exit 2."""
    made(tmp_path / "run", {"a": [[1.0, 2.0]]}).publish(tmp_path / "results")
    code, out, err = harness("watch", "results")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "results holds results without records" in err


def test_a_folder_that_is_no_run_is_refused(harness, tmp_path):
    """One line, exit 2."""
    code, _, err = harness("watch", str(tmp_path))
    assert (code, err.count("\n")) == (2, 1)
    assert "is not a run folder" in err


def test_ctrl_c_ends_the_watching_only(harness, tmp_path, monkeypatch):
    """Exit 130 with a line, no traceback."""
    going(tmp_path / "run")

    def pressed(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", pressed)
    code, out, err = harness("watch", "run")
    assert (code, out) == (130, "")
    assert err.splitlines()[-1] == "no longer watching; look again with: harness watch run"

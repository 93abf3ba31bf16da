"""What is recommended, from which records, and how far it is trusted."""

from pathlib import Path

import numpy as np
import pytest

from harness.errors import UserError
from harness.records import Attempt
from harness.storage import RunFolder
from harness.strategies import ADAPTER
from harness.tune import Recording, advice_text, advise, recording_of, write_advice
from harness.tune.evidence import evidence
from tests.folders import manifest, outcome

RNG = np.random.default_rng(5)
#: Log-normal around a second; 3 % take a minute longer.
TIMES = np.exp(RNG.normal(0, 0.3, 2000)) + 60 * (RNG.random(2000) < 0.03)


def made(times=TIMES, limit_s: float = 600.0, **groups) -> Recording:
    return Recording("made", np.array(times), {name: np.array(of) for name, of in groups.items()}, limit_s)


def test_a_choice_keeps_the_budget():
    """More load buys less time; nothing beyond what is allowed is chosen."""
    frugal, rich = advise(made(), most_load=1.035), advise(made(), most_load=1.3)
    assert frugal.best is not None
    assert rich.best is not None
    assert frugal.best.point.load <= 1.035 < rich.best.point.load <= 1.3
    assert rich.best.point.makespan_s < frugal.best.point.makespan_s


def test_nothing_within_the_budget_is_said():
    """3 % of attempts never answer, so restarting all of them cannot cost less than 3 %."""
    advice = advise(made(np.where(TIMES < 10, TIMES, np.inf)), most_load=1.0)
    assert advice.best is None
    assert advice_text(advice).startswith("Nothing tried keeps to 1 attempts per request")


def test_nothing_is_said_beyond_what_was_recorded():
    """Attempts that were given up after 5 s say nothing of 10 s."""
    times = np.where(TIMES < 5, TIMES, np.inf)
    advice = advise(made(times, limit_s=5.0))
    assert max(point.timeout_s for point in advice.curve) <= 5.0
    assert max(point.timeout_s for point in advice.hedges) <= 5.0


def test_a_recording_with_a_short_timeout_is_refused():
    """Half of its attempts were given up."""
    with pytest.raises(UserError, match=r"half of the attempts were given up .* record without a timeout"):
        advise(made([1.0] * 40 + [np.inf] * 60, limit_s=2.0))


def test_strategies_are_ready_to_run(tmp_path: Path):
    """Files that the harness itself accepts, beside the curve, the chart and the JSON."""
    files = write_advice(advise(made()), tmp_path / "out")
    assert {file.name for file in files} == {
        "tune.json", "curve.csv", "tuned_restart.yaml", "tuned_hedge.yaml", "tune.svg", "tune.png",
    }  # fmt: skip
    import yaml

    for name in ("restart", "hedge"):
        strategy = ADAPTER.validate_python(yaml.safe_load((tmp_path / "out" / f"tuned_{name}.yaml").read_text()))
        assert strategy.http_attempts_at_most >= 11


@pytest.mark.parametrize(("factor", "rests", "limits"), [(1, 0.5, False), (100, 0.5, True), (1, 40.0, True)])
def test_strategies_leave_room_for_what_was_recorded(factor, rests, limits):
    """Times of minutes, or answers of 40 s, need longer timers around them than the defaults, in their order."""
    recording = Recording("made", TIMES * factor, {}, 600.0 * factor, np.full(TIMES.size, rests))
    for choice in (advise(recording).restart, advise(recording).hedge):
        strategy = ADAPTER.validate_python(choice.strategy)
        assert strategy.attempt_timeout >= strategy.timeout + rests
        assert ("attempt_timeout" in choice.strategy) is limits


def test_totals_are_of_whole_answers():
    """Each answer goes on for 7 s: a batch takes that much longer than its first contents, ten of them 70 s."""
    with_rest = Recording("made", TIMES, {}, 600.0, np.full(TIMES.size, 7.0))
    long, short = advise(with_rest), advise(made())
    assert long.best.point == short.best.point
    assert long.batch_s == pytest.approx(short.batch_s + 7, abs=1e-6)
    assert long.gather_s == pytest.approx(short.gather_s + 70, abs=1e-6)
    assert short.batch_s == pytest.approx(short.best.point.makespan_s, rel=0.05)
    assert short.window_s < short.gather_s


def test_an_unwritable_place_is_one_line(tmp_path: Path):
    """With the system's reason."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write to .*; choose another --out"):
        write_advice(advise(made()), tmp_path / "file")


def test_stalls_that_follow_something_raise_doubts():
    """All in two prompts of a hundred; spread evenly they raise none."""
    prompts = np.arange(2000) % 100
    slow = np.where(prompts < 2, 60.0, 1.0)
    advice = advise(made(slow, request=prompts))
    assert any("stalls follow the prompt" in doubt for doubt in advice.doubts)
    assert "note: stalls follow the prompt" in advice_text(advice)
    assert not advise(made(request=prompts)).doubts


def test_retries_that_stall_more_often_are_noticed():
    """A second attempt is no new draw then."""
    retry = np.array([0] * 1000 + [1] * 30)
    times = np.array([1.0] * 970 + [60.0] * 30 + [60.0] * 20 + [1.0] * 10)
    checks = {check.what: check for check in evidence(made(times, retry=retry)).checks}
    assert checks["retry"].follows
    assert checks["request"].p_value is None


def test_no_stall_proves_little():
    """The rule of three: none in 1,000 still allows 0.3 %."""
    found = evidence(made(np.ones(1000)))
    assert (found.stalls, round(found.most_stalls, 4)) == (0, 0.003)
    assert any("up to 0.30% of attempts may stall" in doubt for doubt in advise(made(TIMES[TIMES < 5][:1000])).doubts)


def run_folder(path: Path) -> RunFolder:
    """Two cells of forty requests: one gives up after 2 s, the other waits, and one of its requests is retried."""
    folder = RunFolder.create(path / "run", "made")
    folder.write_manifest(manifest({"short": {}, "long": {}}, 40))
    for cell, limit in (("short", 2.0), ("long", 600.0)):
        for number in range(40):
            lost = Attempt(1, "first", "timeout", 0.0, limit)
            kind = "retry" if number == 0 else "first"
            good = Attempt(2 if number == 0 else 1, kind, "ok", 0.0, 1.5 + number, first_content_s=1.0 + number / 100)
            tries = (lost, good) if number == 0 else (good,)
            folder.append(outcome(cell, 0, number // 10, number, 0.0, 1.5, attempts=tries))
    folder.close()
    return folder


def test_the_cell_that_waited_longest_is_taken(tmp_path: Path):
    """With its attempts, their batches, and what each was."""
    folder = run_folder(tmp_path)
    found = recording_of(folder.path)
    assert found.source.endswith("cell long")
    assert (len(found), found.limit_s, int(np.isinf(found.times).sum())) == (41, 600.0, 1)
    assert found.groups["batch"].max() == 3
    assert (found.groups["retry"].sum(), (found.groups["request"] == -1).sum()) == (1, 1)
    assert found.rest_s == pytest.approx(19.7, abs=1)
    assert recording_of(folder.path, cell="short").limit_s == 2.0


def test_a_csv_of_latencies_is_enough(tmp_path: Path):
    """Empty: never answered. Without `waited_s` nothing is known beyond the slowest answer."""
    rows = "\n".join(f"{1 + i / 100}" for i in range(50))
    (tmp_path / "log.csv").write_text(f'seconds\n{rows}\n""\n')
    found = recording_of(tmp_path / "log.csv", column="seconds")
    assert (len(found), found.limit_s, int(np.isinf(found.times).sum())) == (51, pytest.approx(1.49), 1)
    (tmp_path / "more.csv").write_text(
        "ttft_s,waited_s,batch,sent_s\n"
        + "\n".join(f"{1 + i / 100},,{i // 10},{i}" for i in range(100))
        + "\n,30,9,99\n"
    )
    found = recording_of(tmp_path / "more.csv")
    assert found.limit_s == 30.0
    assert set(found.groups) == {"batch", "minute"}


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("ttft_s\n1\n", "ttft_s", "holds 1 answered attempts; a tail needs 20 or more"),
        ("ttft_s\n1\n-1\n", "ttft_s", "column 'ttft_s' holds negative times"),
        ("ttft_s\nsoon\n", "ttft_s", "'soon' in column 'ttft_s' is not a number of seconds"),
        ("ttft\n1\n", "ttft_s", "has no column 'ttft_s'; did you mean 'ttft'"),
        ("", "ttft_s", "cannot read .* as CSV"),
    ],
)
def test_a_bad_csv_is_one_line(tmp_path: Path, text, column, message):
    """What is wrong, and where."""
    (tmp_path / "log.csv").write_text(text)
    with pytest.raises(UserError, match=message) as error:
        recording_of(tmp_path / "log.csv", column=column)
    assert "\n" not in str(error.value)


def test_bad_places_are_one_line(tmp_path: Path):
    """No file, no records, no such cell."""
    with pytest.raises(UserError, match=r"there is no .*; give a run folder, or a CSV"):
        recording_of(tmp_path / "nowhere")
    folder = run_folder(tmp_path)
    with pytest.raises(UserError, match="has no cell 'lnog'; did you mean 'long'"):
        recording_of(folder.path, cell="lnog")
    (folder.path / "records.jsonl").unlink()
    with pytest.raises(UserError, match="has no records; published results keep none"):
        recording_of(folder.path)

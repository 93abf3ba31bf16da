"""Titles and sentences say no more than their numbers: where trials, batches or requests are missing, or few."""

import json
from pathlib import Path

import pytest

from harness.analysis import summarise
from harness.analysis.quickest import quickest
from harness.plots import BatchTimings, CostAndSpeed, TotalsAndSpeedup
from harness.plots.base import save
from harness.records import Attempt
from harness.report import verdict, write_report
from harness.report.published import most_alike
from harness.storage import RunFolder
from tests.folders import STRATEGY, Totals, data, embedded, made, manifest, outcome


def without(folder: RunFolder, cell: str, trial: int, batch: int) -> RunFolder:
    """The same run, of which one batch is not on record."""
    lines = (folder.path / "records.jsonl").read_text().splitlines(keepends=True)
    lost = {"cell": cell, "trial": trial, "batch": batch}
    kept = [line for line in lines if not lost.items() <= json.loads(line).items()]
    assert len(kept) == len(lines) - 1
    (folder.path / "records.jsonl").write_text("".join(kept))
    return folder


UNEVEN: Totals = {"slow": [[600.0, 1.0], [10.0, 1.0]], "fast": [[20.0, 1.0], [10.0, 1.0]]}


@pytest.mark.parametrize("cell", ["slow", "fast"])
def test_only_trials_that_both_have_are_compared(tmp_path: Path, cell):
    """What one lacks may have been the slowest of all: on the trial in common both took the same."""
    summary = summarise(without(made(tmp_path / "run", UNEVEN), cell, 0, 0))
    assert summary["cells"][1]["speedup"]["mean"] == 1.0
    assert verdict(summary).startswith("fast is about as fast as slow")
    assert "over 1 trial." in verdict(summary)
    (found,) = quickest(summary["cells"])
    assert [ratio.factor for ratio in found.ratios] == [1.0]


def test_missing_batches_and_trials_keep_their_numbers(tmp_path: Path):
    """A bar stands at its own batch, a total has the seed of its own trial."""
    drawn = data(without(made(tmp_path / "run", UNEVEN), "fast", 0, 0))
    summary = summarise(RunFolder.open(tmp_path / "run"))
    drawn.summary.update(summary)
    batches, totals = BatchTimings(drawn), TotalsAndSpeedup(drawn)
    assert [row for row in totals.rows() if row[0] == "fast"] == [("fast", 101, 11.0)]
    assert {batch for name, _, batch, _ in batches.rows() if name == "slow"} == {0, 1}


SERVERS: dict[str, dict] = {
    f"{s},profile={p}": {"axes": {"strategy": s, "profile": p}, "profile": p, "strategy": {"name": s, "timeout": None}}
    for p in ("stuck", "calm")
    for s in ("slow", "fast")
}


def test_servers_are_not_compared_with_each_other(tmp_path: Path):
    """Neither in the verdict nor in a title: a calm server is no merit of a strategy."""
    totals: Totals = dict(
        zip(SERVERS, [[[100.0], [90.0], [110.0]], [[20.0], [21.0], [19.0]], [[2.0]] * 3, [[1.0]] * 3], strict=True)
    )
    about = {
        name: fields | {"strategy": {**fields["strategy"], "stream": False, "max_retries": 5, "dispatch": "gather"}}
        for name, fields in SERVERS.items()
    }
    drawn = data(made(tmp_path / "run", totals, about=about))
    assert "profile=calm is" not in verdict(drawn.summary).partition("fast,profile=calm")[0]
    assert TotalsAndSpeedup(drawn).title.startswith("fast,profile=stuck is 5.0x faster than slow,profile=stuck")
    assert not CostAndSpeed.applies(drawn)


def test_alone_behind_each_server_nothing_is_compared(tmp_path: Path):
    """Each is the reference of its own server."""
    about = {f"profile={p}": {"axes": {"profile": p}, "profile": p} for p in ("stuck", "calm")}
    summary = made(tmp_path / "run", {"profile=stuck": [[9.0]], "profile=calm": [[2.0]]}, about=about).summary()
    assert (
        verdict(summary) == "profile=stuck: 9.0 s on average over 1 trial; profile=calm: 2.0 s on average over 1 trial."
    )


def test_one_trial_of_several_is_named_as_such(tmp_path: Path):
    """The slowest batch of all may have been in another."""
    assert BatchTimings(data(made(tmp_path / "run", UNEVEN))).title.startswith(
        "In trial 0 the slowest batch took 10 min"
    )


def test_what_may_be_chance_is_no_praise(tmp_path: Path):
    """The title has the verdict's doubts."""
    totals: Totals = {"a": [[11.0], [18.0], [31.0], [13.0]], "b": [[10.0], [20.0], [30.0], [10.0]]}
    title = TotalsAndSpeedup(data(made(tmp_path / "run", totals))).title
    assert title == "b is about as fast as a (4 trials)"
    worse: Totals = {"a": [[11.0], [28.0], [31.0], [13.0]], "b": [[10.0], [20.0], [30.0], [10.0]]}
    assert "1.2x faster than a, which is not significant" in TotalsAndSpeedup(data(made(tmp_path / "2", worse))).title


def test_an_interval_that_reaches_below_zero_does_not_stretch_its_axis(tmp_path: Path):
    """Two trials far apart: the limits come from what was measured."""
    from matplotlib.figure import Figure

    chart = TotalsAndSpeedup(data(made(tmp_path / "run", {"a": [[1.0], [90.0]], "b": [[1.0], [2.0]]})))
    figure = Figure()
    chart.draw(figure)
    assert figure.axes[0].get_xlim()[0] > 0.1
    assert save(chart, tmp_path / "figures")


def test_the_published_run_is_compared_with_the_same_work_alone(tmp_path: Path):
    """Not with a smaller workload, nor with one in scaled time."""
    about = {
        name: {"workload": "10x100", "profile": "article"} for name in ("article_none", "article_10", "article_20")
    }
    totals: Totals = {name: [[100.0]] for name in about}
    assert most_alike(made(tmp_path / "1", totals, about=about, experiment="article").summary()) is not None
    assert most_alike(made(tmp_path / "2", totals, experiment="article").summary()) is None
    scaled = made(tmp_path / "3", totals, about=about, experiment="article", time_scale=0.01).summary()
    assert most_alike(scaled) is None


def test_the_same_again_is_the_runs_own_command(tmp_path: Path):
    """With all that was set, and without where it was kept."""
    command = "harness run strategy=article_10 seed=3 trials=2 out=kept resume=true"
    folder = made(tmp_path / "run", {"a": [[1.0]]}, command=command)
    page = write_report(folder, tmp_path / "out").index.read_text()
    assert "The same again: <code>harness run strategy=article_10 seed=3 trials=2</code>" in page


def test_a_real_api_is_not_said_to_be_the_same_server_for_all(tmp_path: Path):
    """Its cells met it one after the other."""
    folder = made(tmp_path / "run", {"a": [[1.0]]}, about={"a": {"target": "openai"}})
    for page in ("index.html", "report.md"):
        write_report(folder, tmp_path / "out")
        text = (tmp_path / "out" / page).read_text()
        assert "met the same server" not in text
        assert "Trial i of every cell met the API at nearly the same time" in text


def test_batches_of_uneven_sizes_are_whole(tmp_path: Path):
    """The last one has fewer requests; that is not as if the slowest had been picked out of more."""
    folder = RunFolder.create(tmp_path / "run", "made")
    folder.write_config({"trials": 1})
    folder.write_manifest(manifest({"only": {"batch_size": 2}}, 3))
    for request, batch in ((0, 0), (1, 0), (2, 1)):
        attempt = Attempt(1, "first", "ok", send_s=3.0 * batch, end_s=3.0 * batch + 1, first_content_s=3.0 * batch + 1)
        folder.append(outcome("only", 0, batch, request, 3.0 * batch, 1.0, attempts=(attempt,)))
    folder.close()
    shown = embedded(write_report(folder, tmp_path / "out").index.read_text())
    assert {key: found["of"] for key, found in shown["timelines"]["batches"].items()} == {"0 0 only": 2, "0 1 only": 1}


def test_names_are_text_in_markdown_too(tmp_path: Path):
    """In headings, links and sentences: no element, no end of a link, one line."""
    name = "x](y) | <script>alert(1)</script>\nz"
    write_report(made(tmp_path / "run", {name: [[2.0]], "b": [[1.0]]}), tmp_path / "out")
    text = (tmp_path / "out" / "report.md").read_text()
    assert "\\<script>" in text
    assert text.count("<script>") == text.count("\\<script>")
    assert "x](" not in text
    assert not any(line.startswith("z") for line in text.splitlines())


def test_a_cell_that_was_given_up_does_not_make_a_run_unfinished(tmp_path: Path):
    """All of its requests are on record; that it hit its limit is a result, and among the warnings."""
    folder = made(
        tmp_path / "run", {"a": [[1.0]]}, seeds=[100], status="incomplete", failed_cells={"a": "hit its limit"}
    )
    page = write_report(folder, tmp_path / "out").index.read_text()
    assert 'role="status"' not in page
    assert "a was given up: hit its limit" in page


def test_a_verdict_on_one_cell_says_that_its_requests_fail(tmp_path: Path):
    """A quick total of failures is no good news."""
    summary = made(tmp_path / "run", {"a": [[1.0, 1.0]]}).summary()
    summary["cells"][0]["failed"] = 1
    assert verdict(summary) == "a: 2.0 s on average over 1 trial, and 50.0% of its requests fail."


def test_two_axes_have_a_chart_of_totals(tmp_path: Path):
    """A sweep over timeouts and strategies has no chart of its own, so every cell's totals are drawn."""
    about = {
        f"{s},timeout={t}": {"axes": {"strategy": s, "timeout": t}, "strategy": {**STRATEGY, "name": s, "timeout": t}}
        for s in ("a", "b", "c")
        for t in (1, 2, 3)
    }
    drawn = data(made(tmp_path / "run", {name: [[3.0]] for name in about}, about=about))
    assert TotalsAndSpeedup.applies(drawn)

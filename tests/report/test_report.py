"""The report says what the summary says, in words, tables and pictures."""

import html
import re
from pathlib import Path

import pytest

from harness.errors import UserError
from harness.plots import (
    BatchSizeSweep,
    BatchTimings,
    Grid,
    LatencyTail,
    TimeoutSweep,
    TotalsAndSpeedup,
    charts_for,
)
from harness.plots.base import seconds
from harness.report import headline_text, published_text, verdict, write_report
from harness.report.published import most_alike
from harness.report.tables import bound_rows, cost_rows, doubts, tails, why_no_bounds
from harness.report.words import as_markdown
from harness.storage import RunFolder
from tests.folders import PROFILE, STRATEGY, Totals, data, embedded, made

TWELVE: Totals = {"slow": [[9.0 + i, 11.0] for i in range(12)], "fast": [[2.0, 3.0 + i / 10] for i in range(12)]}

TABLES = ("cells", "batches", "costs", "bounds", "tails")


def test_the_verdict_gives_factor_interval_and_trials(tmp_path: Path):
    """293/70.2..: the sentence a reader takes away."""
    summary = made(tmp_path / "run", TWELVE).summary()
    assert re.fullmatch(
        r"fast is 4\.6x faster than slow \[4\.\d, 4\.\d\], a significant difference over 12 trials\.", verdict(summary)
    )


def test_a_verdict_from_one_trial_warns(tmp_path: Path):
    """No interval, and why it matters."""
    text = verdict(made(tmp_path / "run", {"slow": [[10.0]], "fast": [[2.0]]}).summary())
    assert text.startswith("fast is 5.0x faster than slow over 1 trial. One trial proves little")


def test_not_significant_is_said(tmp_path: Path):
    """A difference that may be chance is called that."""
    totals: Totals = {"a": [[10.0], [20.0], [30.0], [12.0]], "b": [[11.0], [18.0], [31.0], [13.0]]}
    assert "which is not significant" in verdict(made(tmp_path / "run", totals).summary())


def test_a_cell_that_is_quick_because_it_gives_up_is_not_praised(tmp_path: Path):
    """The verdict itself says that requests fail, not only a column of the table."""
    summary = made(tmp_path / "run", {"slow": [[10.0, 10.0]], "quick": [[1.0, 1.0]]}).summary()
    summary["cells"][1]["failed"] = 1
    assert "quick is 10.0x faster than slow, but 50.0% of its requests fail (0.0% of the reference's)" in verdict(
        summary
    )


def test_hardly_any_difference_is_not_called_faster(tmp_path: Path):
    """1.0x faster would say nothing."""
    assert verdict(made(tmp_path / "run", {"a": [[10.0]], "b": [[9.9]]}).summary()).startswith(
        "b is about as fast as a "
    )


def test_published_results_stand_beside_the_same_work_only(tmp_path: Path):
    """The 400 trials are of 10x100 requests under the article's profile; other runs are not compared with them."""
    cells = {
        name: {"workload": "10x100", "profile": "article"} for name in ("article_none", "article_10", "article_20")
    }
    totals: Totals = {name: [[1.0]] for name in cells}
    same = made(tmp_path / "same", totals, about=cells, experiment="article").summary()
    other = made(tmp_path / "other", totals, experiment="article").summary()
    text = published_text(same)
    assert text is not None
    assert text.startswith("published with the harness (400 trials):")
    assert "7.88x" in text
    assert published_text(other) is None


def test_slower_is_said_with_a_factor_above_one(tmp_path: Path):
    """Nobody reads 0.2x right."""
    totals: Totals = {"a": [[1.0], [1.1], [1.2]], "b": [[5.0], [5.5], [6.0]]}
    assert verdict(made(tmp_path / "run", totals).summary()).startswith("b is 5.0x slower than a [5.0, 5.0]")


def test_a_report_has_all_its_parts(tmp_path: Path):
    """Pages, tables, and every figure as SVG and PNG."""
    report = write_report(made(tmp_path / "run", TWELVE), tmp_path / "out")
    names = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.*")}
    figures = {
        f"figures/{name}.{kind}"
        for name in ("batch_timings", "totals", "latency_tail", "ttft_tail")
        for kind in ("svg", "png", "csv")
    }
    assert names == figures | {"index.html", "report.md", *(f"tables/{t}.csv" for t in TABLES)}
    assert verdict(report.summary) in (tmp_path / "out" / "report.md").read_text()


def test_who_played_a_run_is_told(tmp_path: Path):
    """Its engine, with its workers and shards where there are several."""
    played_by = {"engine": "processes", "workers": 4, "shards": {"a": 3}}
    cases = [
        (played_by, "engine=processes (4 workers), trials cut into 3 shards"),
        ({"engine": "local", "workers": 1}, "engine=local"),
    ]
    for number, (given, told) in enumerate(cases):
        folder = made(tmp_path / f"run{number}", {"a": [[1.0]]}, played_by=given)
        write_report(folder, tmp_path / f"out{number}")
        for page in ("report.md", "index.html"):
            assert told in (tmp_path / f"out{number}" / page).read_text()


def test_cost_and_bounds_stand_beside_the_totals(tmp_path: Path):
    """In rows of their own; two requests a second each are the least that a trial can take."""
    summary = made(tmp_path / "run", TWELVE).summary()
    assert cost_rows(summary)[0] == ("slow", "1.000", "0", "0", "0", "0", "0", "0.000")
    fast = bound_rows(summary)[1]
    assert fast[:3] == ("fast", "5.55", "2.00")
    assert fast[-1] == "2.77"
    assert why_no_bounds(summary) == []


def test_quantiles_stand_with_their_intervals(tmp_path: Path):
    """24 batches of 12 trials have a median with its interval, and too thin a tail for one of the 90th percentile."""
    _, slow, fast = tails(made(tmp_path / "run", TWELVE).summary())
    assert re.fullmatch(r"\d+\.\d\d \[\d+\.\d\d, \d+\.\d\d\]", slow[1])
    assert re.fullmatch(r"\d+\.\d\d", slow[2])
    assert fast[0] == "fast"


def test_a_speedup_without_an_interval_says_why(tmp_path: Path):
    """In the verdict and below the table: one of twelve trials differs, the others are equal."""
    totals: Totals = {"a": [[10.0 + i] for i in range(12)], "b": [[5.0], *([10.0 + i] for i in range(1, 12))]}
    folder = made(tmp_path / "run", totals)
    assert doubts(folder.summary()) == ["b: only 1 of 12 trials differs"]
    assert "(no interval: only 1 of 12 trials differs)" in verdict(folder.summary())
    write_report(folder, tmp_path / "out")
    for page in ("report.md", "index.html"):
        assert "Speedups without an interval: b: only 1 of 12 trials differs." in (tmp_path / "out" / page).read_text()


def test_equal_totals_are_no_interval_of_no_width(tmp_path: Path):
    """No seed of these told them apart; another may."""
    totals: Totals = {"a": [[10.0 + i] for i in range(12)], "b": [[10.0 + i] for i in range(12)]}
    speedup = made(tmp_path / "run", totals).summary()["cells"][1]["speedup"]
    assert (speedup["mean"], speedup["ci95"], speedup["significant"]) == (1.0, None, False)
    assert speedup["why_not"] == "none of 12 trials differs"


def test_summaries_of_before_there_were_costs_are_still_reported(tmp_path: Path):
    """Without the tables that they have nothing for."""
    folder = made(tmp_path / "run", TWELVE)
    folder.publish(tmp_path / "results")
    results = RunFolder.open(tmp_path / "results")
    old = results.summary()
    for cell in old["cells"]:
        for key in ("attempts", "abandoned", "false_restarts", "tokens_wasted", "wasted_s", "bounds"):
            del cell[key]
        for key in ("batch_s", "latency_s", "ttft_s"):
            del cell[key]["ci95"]
    results.write_summary(old)
    write_report(results, tmp_path / "out")
    assert {path.stem for path in (tmp_path / "out" / "tables").iterdir()} == {"cells", "batches"}


def test_the_report_says_why_there_are_no_bounds(tmp_path: Path):
    """One sentence, on the page and in Markdown."""
    folder = made(tmp_path / "run", TWELVE, profiles=[PROFILE | {"load": {"slots": 5}}])
    write_report(folder, tmp_path / "out")
    for page in ("report.md", "index.html"):
        text = (tmp_path / "out" / page).read_text()
        assert "There are no bounds: how fast its server answers depends on how much is asked of it at once." in text


def test_the_page_needs_no_network(tmp_path: Path):
    """Nothing is loaded from elsewhere; pictures are inside."""
    page = write_report(made(tmp_path / "run", TWELVE), tmp_path / "out").index.read_text()
    markup = re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.DOTALL)
    loaded = re.findall(r'(?:src|href)="([^"]*)"', markup)
    assert loaded
    assert all(link.startswith(("#", "figures/", "tables/")) for link in loaded)
    assert "default-src 'none'" in markup
    assert not re.search(r"<script[^>]* src=|<link|@import", page)
    assert not any("url(" in style for style in re.findall(r"<style>.*?</style>", page, flags=re.DOTALL))
    assert markup.count("<img ") == markup.count('alt="') == 5


def test_rebuilding_gives_equal_bytes(tmp_path: Path):
    """Tables, pages and figures follow from the records alone."""
    folder = made(tmp_path / "run", TWELVE)
    write_report(folder, tmp_path / "1")
    write_report(folder, tmp_path / "2")
    files = [path for path in (tmp_path / "1").rglob("*") if path.is_file()]
    assert len(files) == 19
    for path in files:
        assert path.read_bytes() == (tmp_path / "2" / path.relative_to(tmp_path / "1")).read_bytes(), path.name


def test_published_results_give_the_same_tables(tmp_path: Path):
    """No records are needed."""
    folder = made(tmp_path / "run", TWELVE)
    folder.publish(tmp_path / "results")
    write_report(folder, tmp_path / "1")
    write_report(RunFolder.open(tmp_path / "results"), tmp_path / "2")
    for name in (f"{table}.csv" for table in TABLES):
        assert (tmp_path / "1" / "tables" / name).read_bytes() == (tmp_path / "2" / "tables" / name).read_bytes()


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", 'a "b" | c', "größe=百", "a$b_{c}^d"])
def test_names_of_any_kind_give_a_correct_page(tmp_path: Path, name):
    """They are text, not markup, in page, table and figure."""
    page = write_report(
        made(tmp_path / "run", {name: [[2.0, 1.0]], "b": [[1.0, 1.0]]}), tmp_path / "out"
    ).index.read_text()
    assert page.count("<script") == page.count("</script>") == 7
    assert name in (cell["cell"] for cell in embedded(page)["cells"])
    assert html.escape(name, quote=False) in page.partition("<nav")[2].partition("<script")[0].replace("&#34;", '"')
    rows = (tmp_path / "out" / "report.md").read_text().splitlines()
    (row,) = [
        row
        for row in rows
        if row.startswith("| ") and row.endswith("|") and as_markdown(name) in row and "reference" in row
    ]
    assert len(re.findall(r"(?<!\\)\|", row)) == 13


def test_an_unwritable_place_is_one_line(tmp_path: Path):
    """With the system's reason."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write to .*; choose another --out"):
        write_report(made(tmp_path / "run", TWELVE), tmp_path / "file")


def test_the_terminal_gets_a_table(tmp_path: Path):
    """Verdict, header, a row per cell, aligned."""
    lines = headline_text(made(tmp_path / "run", TWELVE).summary()).splitlines()
    header = ["cell", "total, s", "95 % interval", "range of 12 trials", "failed", "load"]
    assert re.split(r" {2,}", lines[2]) == header
    assert [line.split()[0] for line in lines[4:6]] == ["slow", "fast"]
    assert len({len(line) for line in lines[2:6]}) == 1


def test_charts_state_their_finding(tmp_path: Path):
    """Titles carry the numbers that they are about."""
    drawn = data(made(tmp_path / "run", {"slow": [[600.0, 11.0]], "fast": [[9.5, 3.0]]}))
    assert BatchTimings(drawn).title == "The slowest batch took 10 min with slow, 9.5 s with fast"
    assert TotalsAndSpeedup(drawn).title == "fast is 48.9x faster than slow (1 trial)"
    hasty = next(cell for cell in drawn.summary["cells"] if cell["cell"] == "fast")
    hasty["failed"] = hasty["requests"]
    assert TotalsAndSpeedup(drawn).title == "fast is 48.9x faster than slow, but fails 100.0% (1 trial)"
    assert LatencyTail(drawn).title.startswith("The slowest request took 10 min with slow, 9.5 s with fast")
    for cell in drawn.summary["cells"]:
        cell["requests"], cell["failed"] = 1000, 1000 * (cell["cell"] == "fast")
    assert LatencyTail(drawn).title.startswith("1 request in 1,000 takes longer than 599 s with slow")
    for chart in (BatchTimings, LatencyTail):
        assert chart(drawn).title.endswith("with fast, but fails 100.0%")


def test_a_chart_prepares_what_it_draws(tmp_path: Path):
    """Batches in order, cell by cell."""
    chart = BatchTimings(data(made(tmp_path / "run", {"slow": [[6.0, 11.0]], "fast": [[9.5, 3.0]]})))
    assert chart.makespans == {"slow": {0: 6.0, 1: 11.0}, "fast": {0: 9.5, 1: 3.0}}


def sweep(tmp_path: Path) -> RunFolder:
    timeouts = [5, 10, None]
    names = {
        f"timeout={t},stream={s}": {
            "axes": {"timeout": t, "stream": s},
            "strategy": STRATEGY | {"timeout": t, "stream": s},
        }
        for t in timeouts
        for s in (False, True)
    }
    return made(tmp_path / "run", {name: [[10.0 + i]] for i, name in enumerate(names)}, about=names)


def test_a_sweep_of_batch_sizes_is_drawn_as_one(tmp_path: Path):
    """A curve per strategy in the order of the size; the title compares its ends."""
    cells = {
        f"{name},batch_size={size}": {
            "axes": {"strategy": name, "batch_size": size},
            "strategy": STRATEGY | {"name": name},
            "batch_size": size,
        }
        for name in ("a", "b")
        for size in (10, 100)
    }
    drawn = data(made(tmp_path / "run", {name: [[100.0 / (i + 1)]] for i, name in enumerate(cells)}, about=cells))
    chart = BatchSizeSweep(drawn)
    assert BatchSizeSweep.applies(drawn)
    assert [(curve.label, curve.x) for curve in chart.curves] == [("a", [10.0, 100.0]), ("b", [10.0, 100.0])]
    assert chart.title == "From batches of 10 to 100: a 100 s to 50 s, b 33 s to 25 s"


def test_a_grid_is_drawn_as_one(tmp_path: Path):
    """Timeouts down, batch sizes across, None where there is no cell."""
    cells = {
        f"timeout={t},batch_size={n}": {
            "axes": {"timeout": t, "batch_size": n},
            "strategy": STRATEGY | {"timeout": t},
            "batch_size": n,
        }
        for t, n in [(5, 10), (None, 10), (5, 20)]
    }
    drawn = data(made(tmp_path / "run", {name: [[3.0 - i]] for i, name in enumerate(cells)}, about=cells))
    assert Grid.applies(drawn)
    assert Grid(drawn).panels == {"stream=False": [[3.0, 1.0], [2.0, None]]}
    assert Grid(drawn).title == "Shortest: 1.0 s with timeout=5, stream=False, batches of 20"


def test_a_tie_is_no_obstacle(tmp_path: Path):
    """Equal means, as streaming on and off give for one token, still have a title."""
    folder = sweep(tmp_path)
    tied = data(folder)
    for cell in tied.summary["cells"]:
        cell["total_s"]["mean"] = 3.0
    assert TimeoutSweep(tied).title.startswith("Shortest at timeout=5 (stream=False): 3.0 s")


def test_a_sweep_is_drawn_as_one(tmp_path: Path):
    """The default stands at 600 s; curves rise in the order of the timeout."""
    drawn = data(sweep(tmp_path))
    assert {"timeout_sweep", "totals"} <= {chart.name for chart in charts_for(drawn)}
    curves = TimeoutSweep(drawn).curves
    assert [(curve.label, curve.x, curve.mean) for curve in curves] == [
        ("stream=False", [5.0, 10.0, 600.0], [10.0, 12.0, 14.0]),
        ("stream=True", [5.0, 10.0, 600.0], [11.0, 13.0, 15.0]),
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [(790, "13 min 10 s"), (600, "10 min"), (99.4, "99 s"), (9.51, "9.5 s"), (0.824, "0.82 s"), (599.9, "600 s")],
)
def test_seconds_are_written_as_people_write_them(value, text):
    """Minutes from ten on."""
    assert seconds(value) == text


def test_the_run_most_like_the_published_one(tmp_path: Path):
    """The trial whose worst relative difference is the smallest."""
    totals: Totals = {
        "article_none": [[300.0], [800.0], [790.0]],
        "article_10": [[99.0], [97.0], [200.0]],
        "article_20": [[162.0], [165.0], [162.0]],
    }
    played = {name: {"workload": "10x100", "profile": "article"} for name in totals}
    found = most_alike(made(tmp_path / "run", totals, about=played, experiment="article").summary())
    assert found is not None
    assert (found.trial, found.seed) == (1, 101)

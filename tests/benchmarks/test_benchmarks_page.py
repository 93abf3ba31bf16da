"""The page of results says what results.json holds, and nothing else; figures come from the benchmarks unchanged."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest

from tests.benchmarks import chart, collect, figures, page, results, sections

COMMITTED = results.load()


def rendered(**tables: list[dict]) -> str:
    about = results.about(None) | {"versions": {}, "measured": "2026-01-01", "cpu": "Some CPU", "cores": 2}
    return page.render({"schema": 1, "tables": {name: about | {"rows": rows} for name, rows in tables.items()}})


def test_there_are_results():
    """So that the next tests cannot pass on nothing."""
    assert any(name.startswith("clients_") for name in COMMITTED["tables"])
    assert all(table["rows"] for table in COMMITTED["tables"].values())


def test_the_page_is_what_the_results_render_to():
    """Written by `python -m tests.benchmarks --page`."""
    assert page.PATH.read_text() == page.render(COMMITTED)


def test_the_picture_is_drawn_from_the_results():
    """Written by the same command."""
    assert chart.drawn_from() == chart.digest(chart.Clients(COMMITTED))


def test_every_measured_table_is_on_the_page():
    """A table that no section shows would be measured for nobody."""
    shown = {name for section in sections.SECTIONS for name, _, _ in section.tables}
    assert shown >= set(COMMITTED["tables"])


def test_every_part_is_measured_by_the_command_of_one_section():
    """In the order of the page."""
    assert [part for section in sections.SECTIONS for part in collect.parts([section.part])] == list(collect.PARTS)


def test_an_unknown_part_is_named_with_those_there_are():
    """Nothing is measured then."""
    with pytest.raises(ValueError, match="no part named client; there are clients_100, clients_1000, clients_5000"):
        collect.parts(["mock", "client"])


def test_results_name_neither_machine_nor_paths():
    """They are published."""
    text = results.PATH.read_text()
    assert not re.search(r"/(?:tmp|home|root|work|usr)\b", text)


def test_a_row_shows_its_figures():
    """Two in one cell are divided by a slash, and what a row lacks stays empty."""
    row = {"client": "one", "requests_per_s": 1234.56, "ttft_error_p50_ms": 1.04, "ttft_error_p99_ms": 20.0}
    text = rendered(clients_100=[row])
    assert "| one | 1,234.6 | | 1.0 / 20.0 | | | | |" in text


def test_a_client_that_cannot_be_had_is_named():
    """With the reason, instead of figures."""
    text = rendered(clients_100=[{"client": "one", "left_out": "no registry"}])
    assert "- one is left out: no registry" in text
    assert "| one |" not in text


def test_failed_turns_are_told():
    """A median over fewer turns says so."""
    text = rendered(clients_100=[{"client": "one", "requests_per_s": 1.0, "turns": 4, "trouble": ["exit code 1"]}])
    assert "- one: 4 turns counted, 1 failed" in text


def test_a_busy_machine_is_told():
    """What other programs spent was not there for those that were measured."""
    busy = rendered(clients_100=[{"client": "one", "requests_per_s": 1.0, "others_cores": 1.26}])
    assert "- Other programs kept up to 1.3 cores busy meanwhile: these figures are preliminary." in busy
    idle = rendered(clients_100=[{"client": "one", "requests_per_s": 1.0, "others_cores": 0.1}])
    assert "Other programs kept" not in idle


def test_what_was_not_measured_says_how_to():
    """A new checkout of a new section is no error."""
    assert "Not measured yet: `python -m tests.benchmarks --only mock`." in rendered()


def test_tables_come_from_the_benchmarks_in_their_order():
    """Those of several benchmarks are joined, each with what was measured of which version."""

    def benchmark(*rows: dict, **versions: str) -> dict:
        return {"extra_info": {"tables": {"t": {"rows": list(rows), "versions": versions}}}}

    found = collect.tables_of({"benchmarks": [benchmark({"a": 1}, x="1"), benchmark({"a": 2}, y="2")]}, {"cores": 2})
    assert found == {"t": {"cores": 2, "versions": {"x": "1", "y": "2"}, "rows": [{"a": 1}, {"a": 2}]}}


def test_tables_replace_those_of_their_names_only(tmp_path, monkeypatch):
    """Measuring a part leaves the others as they were."""
    monkeypatch.setattr(results, "PATH", tmp_path / "results.json")
    results.add({"a": {"rows": [1]}, "b": {"rows": [2]}})
    results.add({"b": {"rows": [3]}})
    assert results.load()["tables"] == {"a": {"rows": [1]}, "b": {"rows": [3]}}


def test_medians_are_of_each_column():
    """A column that some turn does not tell has none."""
    rows = [{"a": 1.0, "b": None}, {"a": 3.0, "b": 1.0}, {"a": 2.0, "b": 1.0}]
    assert figures.medians(rows) == {"a": 2.0, "b": None}


@pytest.mark.parametrize(("said", "expected"), [(None, 5), ("2", 2), ("9", 5), ("0", 1)])
def test_the_environment_lowers_the_rounds(monkeypatch, said, expected):
    """Never above what is usual, never below one."""
    monkeypatch.delenv(figures.ROUNDS, raising=False)
    if said is not None:
        monkeypatch.setenv(figures.ROUNDS, said)
    assert figures.rounds(5) == expected


def test_benchmarks_run_without_what_would_distort_them(monkeypatch):
    """Neither a worker of xdist nor modules that every process compiles; the rest of the environment stays."""
    given = {}
    monkeypatch.setattr(
        collect.subprocess, "run", lambda *_, env, **__: given.update(env) or SimpleNamespace(returncode=0)
    )
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw0")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("KEPT", "yes")
    collect.measure("simulation")
    assert given["KEPT"] == "yes"
    assert not {"PYTEST_XDIST_WORKER", "PYTHONDONTWRITEBYTECODE"} & set(given)


def test_tables_of_different_days_and_speeds_are_told_apart():
    """From the first to the last, the slowest last."""
    rows = [{"client": "ideal", "requests_per_s": 1.0}]
    about = results.about(None) | {"versions": {}, "rows": rows}
    tables = {
        "clients_100": about | {"measured": "2026-01-02", "million_additions_s": 0.1},
        "clients_1000": about | {"measured": "2026-01-01", "million_additions_s": 0.03},
    }
    shown = page.render({"schema": 1, "tables": tables})
    assert "2026-01-01 to 2026-01-02: " in shown
    assert "a million additions in 30 to 100 ms" in shown

"""What the READMEs of experiments say is what their committed summaries hold."""

import json
import re
from pathlib import Path

import pytest

from harness.analysis.effects import standings

ROOT = Path(__file__).parents[2]
READMES = sorted(ROOT.glob("experiments/*/README.md"))
#: A number with its interval: "476 s [446, 507]", "27.3 times [22.9, 32.7]".
CLAIM = re.compile(r"([\d.,]+)\s+(s|times)\s+\[([\d.,]+),\s+([\d.,]+)\]")


def claims(text: str) -> list[tuple[str, ...]]:
    return CLAIM.findall(text)


def rounded_as(text: str, value: float) -> str:
    digits = len(text.partition(".")[2])
    return f"{value:,.{digits}f}"


def holds(claim: tuple[str, ...], cell: dict) -> bool:
    mean, unit, low, high = claim
    found = cell["total_s"] if unit == "s" else cell["speedup"]
    if found["mean"] is None or found["ci95"] is None:
        return False
    said, known = (mean, low, high), (found["mean"], *found["ci95"])
    return all(text == rounded_as(text, value) for text, value in zip(said, known, strict=True))


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.parent.name)
def test_every_interval_in_an_experiments_readme_is_one_of_its_results(readme):
    """Each total and each factor with its interval, rounded to the digits that are shown."""
    summary = json.loads((readme.parent / "results" / "summary.json").read_text())
    text = " ".join(readme.read_text().split())
    for claim in claims(text):
        assert any(holds(claim, cell) for cell in summary["cells"]), claim


def test_there_are_claims_to_check():
    """So that the test above cannot pass on nothing."""
    assert sum(len(claims(" ".join(readme.read_text().split()))) for readme in READMES) >= 15


def cells(experiment: str) -> dict[str, dict]:
    summary = json.loads((ROOT / "experiments" / experiment / "results" / "summary.json").read_text())
    return {cell["cell"]: cell for cell in summary["cells"]}


@pytest.mark.parametrize(
    ("cell", "total_s", "speedup", "load"),
    [
        ("adaptive,dispatch=gather", 31.5, 25, 1.05),
        ("adaptive_frugal,dispatch=window", 13.5, 58, 1.03),
        ("adaptive,dispatch=window", 12.2, 65, 1.10),
    ],
)
def test_what_headroom_had_to_reach_is_reached(cell, total_s, speedup, load):
    """Means over 50 seeds of the article's profile, by strategies that know nothing of it."""
    found = cells("headroom")[cell]
    assert (found["trials"], found["profile"], found["failed"]) == (50, "article", 0)
    assert found["total_s"]["mean"] <= total_s
    assert found["speedup"]["mean"] >= speedup
    assert found["load"] <= load


def test_the_bounds_in_the_readme_of_headroom_are_those_beside_its_results():
    """In batches and in a window: no stalls, the best restart, the best within 5 %."""
    text = " ".join((ROOT / "experiments/headroom/README.md").read_text().split())
    batches, window = (cells("headroom")[f"adaptive,dispatch={d}"]["bounds"] for d in ("gather", "window"))
    assert f"no stalls at all {batches['no_stall_s']:.1f} s in batches and {window['no_stall_s']:.1f} s in" in text
    for words, best in (("the best single restart", "best_restart"), ("the best within 5 % more attempts", "0.05")):
        found = [(bounds if best == "best_restart" else bounds["best_within"])[best] for bounds in (batches, window)]
        assert f"{words} {found[0]['total_s']:.1f} and {found[1]['total_s']:.1f} s" in text


def harm(cell: dict) -> tuple[float, float]:
    """What is worse is larger: a share of failures, then time."""
    return round(cell["failed"] / cell["requests"], 3), cell["total_s"]["mean"]


@pytest.mark.parametrize("experiment", ["overload", "stickiness", "episodes"])
def test_the_recommended_strategy_is_nowhere_the_worst(experiment):
    """Some other strategy fails more, or fails as much and takes longer, or exactly as long."""
    found = cells(experiment)
    others = [harm(cell) for name, cell in found.items() if name != "adaptive"]
    assert len(others) >= 5
    assert harm(found["adaptive"]) <= max(others)


#: How cells are called in the rows of docs/strategies.md.
ROWS = {
    "headroom": "{},dispatch=gather",
    "overload": "{}",
    "stickiness": "{}",
    "rate_limits": "{},dispatch=gather",
    "pool": "{},max_connections=50",
}


def recommendation() -> tuple[list[str], dict[str, list[str]]]:
    """The strategies of the table under "Which one to take", and its rows by experiment."""
    text = (ROOT / "docs" / "strategies.md").read_text().partition("## Which one to take")[2].partition("\n## ")[0]
    lines = [[part.strip() for part in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    names = ["article_none", *(name.strip("`") for name in lines[0][2:])]
    return names, {re.match(r"\[(\w+)\]", line[0])[1]: line[1:] for line in lines[2:]}


@pytest.mark.parametrize("experiment", ROWS)
def test_the_recommendation_rests_on_what_is_published(experiment):
    """Each total of the table, and whether it fails more than no timeout does."""
    names, rows = recommendation()
    found = cells(experiment)
    base = found[ROWS[experiment].format("article_none")]
    for name, said in zip(names, rows[experiment], strict=True):
        cell = found.get(ROWS[experiment].format(name))
        if cell is None:
            assert said == "-"
            continue
        more = cell["failed"] / cell["requests"] > base["failed"] / base["requests"]
        assert said == rounded_as("0.0", cell["total_s"]["mean"]) + (" fails" if more else "")


def test_the_recommendation_counts_the_faults_that_are_survived():
    """As the fault matrix does."""
    names, rows = recommendation()
    summary = json.loads((ROOT / "experiments" / "fault_matrix" / "results" / "summary.json").read_text())
    answered = {one.name: one.answered for one in standings(summary["cells"])}
    assert rows["fault_matrix"] == [str(answered[name]) for name in names]


def test_the_load_of_the_recommended_strategy_is_what_is_said():
    """In the same rows, in their order."""
    text = " ".join((ROOT / "docs" / "strategies.md").read_text().split())
    loads = [f"{cells(experiment)[ROWS[experiment].format('adaptive')]['load']:.2f}" for experiment in ROWS]
    assert f"Attempts per request in the same rows are {', '.join(loads)} for `adaptive`" in text

"""What the documents promise is there and works."""

import contextlib
import json
import re
from collections.abc import Mapping

import pytest
import stand_ins
from documents import DOCUMENTS, ROOT, sessions
from playing import compose_whole, write
from shell_words import Step

from harness.places import members
from harness.report.verdict import spread_of_one_run, verdict

ARTICLE = ROOT / "experiments" / "article" / "results"


def commands() -> list[tuple[Step, Mapping[str, str]]]:
    """Every `harness run` in the documents, in blocks, tables and running text, and in the help of subcommands.

    With the files that its document has the reader write. Those that need what an earlier line of their document makes
    are composed where that line is run.
    """
    found = {}
    for session in sessions():
        earlier = ""
        for line in session.lines:
            # What is not known fails tests/docs/test_documented_commands.py, with what to do about it.
            with contextlib.suppress(AssertionError):
                for step in stand_ins.known_steps(line) if line.language == "sh" else ():
                    made = any(name in earlier for name in own_names(step))
                    if stand_ins.plays(step) and step.script is None and not made:
                        found.setdefault(step.text, (step, session.files))
            earlier += line.text
    return [found[text] for text in sorted(found)]


def own_names(step: Step) -> list[str]:
    """What it names that does not come with the harness."""
    names = [("experiment", word) for word in step.words[2:] if not word.startswith("-") and "=" not in word]
    for group in ("strategy", "profile", "workload"):
        values = re.findall(rf"\b{group}=\[?([^\] ]+)", step.text)
        names += [(group, name) for value in values for name in value.split(",")]
    return [name for group, name in names if name not in members(group)]


def test_the_readme_opens_with_two_commands():
    """The first sets up and runs, the second tests; CI runs these very lines."""
    block = re.search(r"^```sh\n(.*?)\n```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert block is not None
    first, second = block[1].splitlines()
    assert first.startswith("python3 -m venv .venv && ")
    assert first.endswith("harness run article")
    assert second == ".venv/bin/pytest -n auto"


def test_there_are_commands_in_the_documents():
    """So that the next test cannot pass on nothing."""
    assert len(commands()) >= 8


@pytest.mark.parametrize(("command", "files"), [pytest.param(*found, id=found[0].text) for found in commands()])
def test_every_run_in_the_documents_composes(command, files, tmp_path, monkeypatch):
    """Names and keys exist, and a budget that is shown allows what is shown; placeholders are filled in."""
    write(files, tmp_path)
    (tmp_path / "latencies.csv").write_text("ttft_s\n1\n")
    monkeypatch.chdir(tmp_path)
    compose_whole("a document", command)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document):
    """Relative links name files of the repository."""
    links = re.findall(r"\]\(([^)#]+)\)", document.read_text())
    for link in links:
        assert link.startswith("https://") or (document.parent / link).exists(), link


def test_the_figures_of_the_readme_are_those_of_the_published_results():
    """Each number of its table and its text comes from the committed summary."""
    readme = (ROOT / "README.md").read_text()
    summary = json.loads((ARTICLE / "summary.json").read_text())
    for cell in summary["cells"]:
        total, speedup = cell["total_s"], cell["speedup"]
        row = f"{total['mean']:.0f} s [{total['ci95'][0]:.0f}, {total['ci95'][1]:.0f}]"
        assert row in readme
        if cell["cell"] != summary["reference"]:
            assert f"{speedup['mean']:.1f}x [{speedup['ci95'][0]:.1f}, {speedup['ci95'][1]:.1f}]" in readme
    totals = summary["cells"][0]["total_s"]["per_trial"]
    assert f"totals range from {min(totals):.0f} to {max(totals):,.0f} s" in readme
    assert f"{summary['cells'][0]['trials']} trials of each setting" in readme


def test_the_published_totals_are_reproduced():
    """Within 10 % of 790, 99 and 162 s, each amid our single trials."""
    from harness.report.published import PUBLISHED_TOTALS

    summary = json.loads((ARTICLE / "summary.json").read_text())
    for cell in summary["cells"]:
        published = PUBLISHED_TOTALS["article"][cell["cell"]]
        assert cell["trials"] == 400
        assert cell["total_s"]["mean"] == pytest.approx(published, rel=0.1)
        assert min(cell["total_s"]["per_trial"]) < published < max(cell["total_s"]["per_trial"])


def test_the_verdict_of_the_article_is_that_of_its_results():
    """The experiment's README says what the report says."""
    import pandas as pd

    text = " ".join((ROOT / "experiments/article/README.md").read_text().split())
    summary = json.loads((ARTICLE / "summary.json").read_text())
    for factor in re.findall(r"([\d.]+)x faster", verdict(summary)):
        assert f"{factor} times" in text
    share, seed = re.findall(
        r"In (\d+)% of runs|seed (\d+):", " ".join(spread_of_one_run(summary, pd.read_csv(ARTICLE / "batches.csv")))
    )
    assert f"in {share[0]} % of runs" in text
    assert f"Seed {seed[1]} is a run like the published one" in text

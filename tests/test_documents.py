"""What the documents promise is there and works."""

import json
import re
import shlex
from pathlib import Path

import pytest

from harness.cli.commands import COMMANDS
from harness.config import compose
from harness.report.verdict import spread_of_one_run, verdict
from harness.runner.budget import check

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    *ROOT.glob("*.md"),
    *ROOT.glob("docs/*.md"),
    *ROOT.glob(".github/*.md"),
    *ROOT.glob("experiments/*/README.md"),
]
ARTICLE = ROOT / "experiments" / "article" / "results"


def commands() -> list[str]:
    """Every `harness run` in the documents, in blocks, tables and running text."""
    found = []
    for document in DOCUMENTS:
        text = document.read_text().replace("\\\n", " ")
        found += re.findall(r"(?:`|^|- run: |&& \.venv/bin/)(harness run [^`\n]+)", text, re.MULTILINE)
    examples = [example.replace("\\\n", " ") for command in COMMANDS for example in command.examples]
    found += [example for example in examples if example.startswith("harness run ")]
    return sorted(set(found))


def files() -> dict[str, str]:
    """What the documents tell to write under ./conf: blocks whose first line names their file."""
    blocks = [
        block
        for document in DOCUMENTS
        for block in re.findall(r"```yaml\n(# conf/.*?)```", document.read_text(), re.DOTALL)
    ]
    return {block.splitlines()[0].removeprefix("# "): block for block in blocks}


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


@pytest.mark.parametrize("command", commands())
def test_every_run_in_the_documents_composes(command, tmp_path, monkeypatch):
    """Names and keys exist, and a budget that is shown allows what is shown; placeholders are filled in."""
    (tmp_path / "latencies.csv").write_text("ttft_s\n1\n")
    for name, text in files().items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    words = shlex.split(command.replace("...", "x").replace("URL", "http://localhost/v1"))[2:]
    words = [word for word in words if not word.startswith("--")]
    names = [word for word in words if "=" not in word]
    experiment = compose(names[0] if names else None, [word for word in words if "=" in word])
    assert check(experiment, confirm=None).requests > 0


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

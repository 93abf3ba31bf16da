"""What the guides tell to write works as they tell it, in a folder that has nothing else."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SMALL = ["workload.batches=2", "workload.batch_size=10", "engine=local"]


def block(guide: str, language: str) -> str:
    """The only block of a guide in a language."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", (ROOT / "docs" / f"{guide}.md").read_text(), re.DOTALL)
    return found


def said(guide: str, name: str) -> None:
    """The guide names the file that a test writes."""
    assert name in (ROOT / "docs" / f"{guide}.md").read_text()


def command(script: str, *words: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    found = subprocess.run(
        [sys.executable, script, *words], env=environment, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    return found.stdout


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_chart_of_ones_own_is_in_the_report():
    """On the page, as files, and with its data."""
    said("write-a-chart", "my_charts.py")
    Path("my_charts.py").write_text(block("write-a-chart", "python"))
    command("my_charts.py", "run", "article", "trials=1", "out=run", *SMALL)
    assert {path.name for path in Path("run/report/figures").glob("failed_share.*")} == {
        f"failed_share.{kind}" for kind in ("svg", "png", "csv")
    }
    assert (
        Path("run/report/figures/failed_share.csv").read_text().startswith("cell,failed,requests\narticle_none,0,20\n")
    )
    assert "fails most: 0.0% of its requests" in Path("run/report/index.html").read_text()


def test_a_strategy_in_a_file_is_listed_and_played():
    """A YAML file in ./conf is all it needs."""
    text = block("write-a-strategy", "yaml")
    path = Path(text.splitlines()[0].removeprefix("# "))
    path.parent.mkdir(parents=True)
    path.write_text(text)
    Path("harness_.py").write_text("from harness.cli import main\nraise SystemExit(main())\n")
    assert "patient" in command("harness_.py", "list", "strategies")
    words = ["matrix.strategy=[article_10,patient]", "report=false", "--json"]
    summary = json.loads(command("harness_.py", "run", "article", *words, *SMALL))
    assert [cell["strategy"]["name"] for cell in summary["cells"]] == ["article_10", "patient"]


def test_a_kind_of_strategy_of_ones_own_is_played():
    """Its own decision, under every engine: the first attempt is given up after a quarter of the timeout."""
    said("write-a-strategy", "my_strategy.py")
    Path("my_strategy.py").write_text(block("write-a-strategy", "python"))
    Path("conf/strategy").mkdir(parents=True)
    Path("conf/strategy/impatient.yaml").write_text("kind: impatient\nname: impatient\n")
    words = ["strategy=impatient", "profile=incident", "trials=2", "report=false", "out=run"]
    command("my_strategy.py", "run", *words, *SMALL[:2])
    lines = [json.loads(line) for line in Path("run/records.jsonl").read_text().splitlines()]
    given_up = [line["attempts"][0] for line in lines if line["attempts"][0]["outcome"] == "timeout"]
    assert given_up
    assert {round(one["end_s"] - one["send_s"], 6) for one in given_up} == {2.5}


def test_a_fault_of_ones_own_is_met():
    """By the client, as the guide has it: all tokens in time, and the end so late that it is not waited for."""
    said("write-a-fault", "my_fault.py")
    Path("my_fault.py").write_text(block("write-a-fault", "python"))
    Path("conf/fault").mkdir(parents=True)
    Path("conf/fault/late_end.yaml").write_text("kind: late_end\nprobability: 1\n")
    words = ["profile=calm", "fault=late_end", "strategy=article_none", "report=false", "out=run"]
    command("my_fault.py", "run", *words, *SMALL)
    lines = [json.loads(line) for line in Path("run/records.jsonl").read_text().splitlines()]
    assert len(lines) == 20
    assert all(line["end_s"] - line["start_s"] > 30 for line in lines)

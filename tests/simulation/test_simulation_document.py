"""What docs/simulation.md shows is what comes out."""

import re
from pathlib import Path

import pytest

TEXT = (Path(__file__).parents[2] / "docs" / "simulation.md").read_text()


def test_the_example_prints_what_its_comment_says(capsys):
    """It runs as it stands there."""
    block = re.search(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert block is not None
    exec(compile(block[1], "docs/simulation.md", "exec"), {})
    said = re.search(r"# about (\d+) s, ([\d.]+)", block[1])
    found = re.match(r"([\d.]+) s, ([\d.]+) attempts", capsys.readouterr().out)
    assert said is not None
    assert found is not None
    assert float(found[1]) == pytest.approx(float(said[1]), rel=0.02)
    assert float(found[2]) == pytest.approx(float(said[2]), abs=0.001)

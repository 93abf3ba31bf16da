"""The notebook in docs/, run without Jupyter. `python tests/docs/notebook.py` stores its outputs anew, where it is."""

from __future__ import annotations

import ast
import base64
import contextlib
import io
import json
import os
import re
import tempfile
from pathlib import Path
from typing import Any

from harness.cli import main

PATH = Path(__file__).parents[2] / "docs" / "run-folder.ipynb"
Output = dict[str, Any]


def load() -> dict[str, Any]:
    """The notebook as it is stored."""
    found: dict[str, Any] = json.loads(PATH.read_text())
    return found


def sources(notebook: dict[str, Any], kind: str) -> list[str]:
    """The texts of its cells of one kind."""
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == kind]


def command(notebook: dict[str, Any]) -> list[str]:
    """The words of the command that makes the run which it loads."""
    (found,) = re.findall(r"^harness (run .+)$", sources(notebook, "markdown")[0], re.MULTILINE)
    return str(found).split()


def play(notebook: dict[str, Any]) -> list[Output]:
    """Make the run in the current folder and execute the code cells in order: the output of each."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        assert main(command(notebook)) == 0
    import matplotlib as mpl

    mpl.use("Agg")
    names: dict[str, Any] = {}
    return [_output(code, names) for code in sources(notebook, "code")]


def _output(code: str, names: dict[str, Any]) -> Output:
    """What a cell shows: the value of its last line, if that is an expression, or its figure."""
    from matplotlib import pyplot as plt

    body = ast.parse(code).body
    last = body.pop() if isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), "a cell", "exec"), names)
    value = eval(compile(ast.Expression(last.value), "a cell", "eval"), names) if isinstance(last, ast.Expr) else None
    if plt.get_fignums():
        picture = io.BytesIO()
        plt.gcf().savefig(picture, format="png", dpi=80, metadata={"Software": None})
        plt.close("all")
        return {"image/png": base64.b64encode(picture.getvalue()).decode(), "text/plain": "<Figure>"}
    return {} if value is None else {"text/html": value._repr_html_(), "text/plain": value.to_string()}


def store() -> None:
    """Write the notebook with the outputs of a run made now, as Jupyter writes it."""
    notebook = load()
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        shown = iter(play(notebook))
        os.chdir(here)
    count = 0
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            count += 1
            cell["execution_count"] = count
            cell["outputs"] = _stored(next(shown), count)
    PATH.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")


def _stored(output: Output, count: int) -> list[dict[str, Any]]:
    if not output:
        return []
    data = {kind: text if kind == "image/png" else text.splitlines(keepends=True) for kind, text in output.items()}
    if "image/png" in data:
        return [{"data": data, "metadata": {}, "output_type": "display_data"}]
    return [{"data": data, "execution_count": count, "metadata": {}, "output_type": "execute_result"}]


if __name__ == "__main__":
    store()

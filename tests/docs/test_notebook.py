"""The notebook that loads a run folder: it runs, it is short, and what is stored in it is what it gives."""

import base64
import json
import re

import notebook as its
import pytest

NOTEBOOK = its.load()
CODE = [cell for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
PROSE = its.sources(NOTEBOOK, "markdown")


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """What each cell of code shows, in a folder that has nothing but the run that the notebook names."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("notebook"))
        yield its.play(NOTEBOOK)


def test_five_lines_load_a_run():
    """Imports and all; blank lines do not count."""
    lines = [line for line in its.sources(NOTEBOOK, "code")[0].splitlines() if line.strip()]
    assert len(lines) <= 5
    assert all(len(line) <= 120 for line in lines)
    assert {"requests", "attempts", "batches", "cells"} <= set(re.findall(r"\w+(?=[\w, ]* = )", "\n".join(lines)))


def test_its_cells_run_in_their_order(shown):
    """On the run that its first lines have the reader make: loading shows nothing, then two tables and a picture."""
    assert [sorted(output) for output in shown] == [
        [], ["text/html", "text/plain"], ["text/html", "text/plain"], ["image/png", "text/plain"],
    ]  # fmt: skip


def test_the_slowest_requests_stand_beside_their_attempts(shown):
    """Some of which were given up and sent again."""
    slowest = shown[1]["text/plain"]
    assert {"article_none", "article_10", "article_20", "timeout", "retry", "ok"} <= set(slowest.split())


def test_what_is_stored_is_what_it_gives(shown):
    """The numbers of its tables; after a change of results, `python tests/docs/notebook.py` stores them anew."""
    stored = ["".join(output["data"]["text/plain"]) for cell in CODE for output in cell["outputs"]]
    assert [text.split() for text in stored] == [output["text/plain"].split() for output in shown if output]


def test_its_picture_is_stored_and_small():
    """A PNG."""
    (picture,) = [
        output["data"]["image/png"] for cell in CODE for output in cell["outputs"] if "image/png" in output["data"]
    ]
    data = base64.b64decode(picture, validate=True)
    assert data.startswith(b"\x89PNG\r\n")
    assert 5_000 < len(data) < 60_000


def test_it_names_no_machine():
    """Neither folders, hosts nor people, in code and outputs; nor does a cell report an error or a warning."""
    assert {output["output_type"] for cell in CODE for output in cell["outputs"]} == {"execute_result", "display_data"}
    readable = re.sub(r'"image/png": "[^"]+"', "", json.dumps(NOTEBOOK))
    assert re.findall(r"(?<![\w<.])/(?!html|plain|png)\w+/|[A-Z]:\\\\|file://|https?://|\.venv", readable) == []


def test_it_is_a_notebook_of_format_4_5():
    """As Jupyter writes it: every cell has a name of its own, code counts its executions, lines are lists."""
    assert (NOTEBOOK["nbformat"], NOTEBOOK["nbformat_minor"]) == (4, 5)
    assert NOTEBOOK["metadata"]["kernelspec"] == {"display_name": "Python 3", "language": "python", "name": "python3"}
    names = [cell["id"] for cell in NOTEBOOK["cells"]]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[\w-]{1,64}", name) for name in names)
    assert [cell["execution_count"] for cell in CODE] == [1, 2, 3, 4]
    allowed = {"markdown": set(), "code": {"execution_count", "outputs"}}
    for cell in NOTEBOOK["cells"]:
        assert set(cell) == {"cell_type", "id", "metadata", "source"} | allowed[cell["cell_type"]]
        assert all(line.endswith("\n") for line in cell["source"][:-1])
    assert its.PATH.read_text() == json.dumps(NOTEBOOK, indent=1, ensure_ascii=False) + "\n"


def test_its_links_lead_somewhere():
    """To documents beside it."""
    links = re.findall(r"\]\(([^)#]+)\)", "\n".join(PROSE))
    assert links
    assert [link for link in links if not (its.PATH.parent / link).exists()] == []

"""The client's own time is told apart where the transport tells when a request was written."""

from pathlib import Path

import pytest

from harness.analysis import finish, frames
from harness.records import Attempt
from harness.report import write_report
from harness.report.tables import WIRE, wire_rows
from harness.storage import RunFolder
from tests.folders import made, manifest, outcome


def told(path: Path, own_s: float) -> RunFolder:
    """A hundred requests that took a second on the wire, after so much in the client; one took no less."""
    folder = RunFolder.create(path, "made")
    folder.write_config({"trials": 1})
    folder.write_manifest(manifest({"a": {}}, 100))
    for request in range(100):
        end = own_s + 1
        attempt = Attempt(
            1, "first", "ok", send_s=0.0, end_s=end, admitted_s=own_s / 4, connected_s=own_s / 2, written_s=own_s,
            first_content_s=end,
        )  # fmt: skip
        folder.append(outcome("a", 0, 0, request, 0.0, end, attempts=(attempt,), lag_s=request / 1000))
    folder.close()
    finish(folder)
    return folder


def test_the_summary_has_both(tmp_path: Path):
    """Quantiles of the client's time, and of what is left for the wire."""
    (cell,) = told(tmp_path / "run", 0.05).summary()["cells"]
    assert cell["wire"]["client_s"] == {"p50": 0.05, "p99": 0.05, "max": 0.05}
    assert cell["wire"]["ttft_s"]["p99"] == 1.0
    assert cell["wire"]["pool_s"]["p50"] == cell["wire"]["connect_s"]["p50"] == 0.0125
    assert cell["wire"]["lag_s"]["max"] == 0.099
    assert cell["ttft_s"]["p50"] == pytest.approx(1.05)


def test_attempts_have_their_time_on_the_wire(tmp_path: Path):
    """As a column beside the whole."""
    table = frames(told(tmp_path / "run", 0.05)).attempts
    assert table is not None
    assert set(table["ttft_wire_s"]) == {1.0}


@pytest.mark.parametrize(("own_s", "warned"), [(0.05, False), (0.2, True)])
def test_a_client_that_takes_a_tenth_is_a_warning(tmp_path: Path, own_s, warned):
    """Of the median time to first content."""
    notes = [note for note in told(tmp_path / "run", own_s).summary()["warnings"] if note["code"] == "client_time"]
    assert bool(notes) is warned
    if warned:
        assert "waited 200 ms or more in the client" in notes[0]["message"]


def test_the_report_has_a_table_of_it(tmp_path: Path):
    """Only where it was told: virtual time has none."""
    folder = told(tmp_path / "run", 0.05)
    (row,) = wire_rows(folder.summary())
    assert row == ("a", "0.050", "0.050", "0.013", "0.013", "0.098", "1.050", "1.000", "1.050", "1.000")
    assert len(row) == len(WIRE)
    for page in ("report.md", "index.html"):
        write_report(folder, tmp_path / "out")
        assert "On the wire, and in the client" in (tmp_path / "out" / page).read_text()
    assert wire_rows(made(tmp_path / "virtual", {"a": [[1.0]]}).summary()) == []

"""The harness's own transport under every fault: what is on record is what httpx2's pool would have brought."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.config import compose
from harness.errors import UserError
from harness.records import Attempt, Outcome
from harness.runner import check_target, open_folder, run
from tests.adapter.conftest import FAULTS

#: What only the one transport tells, and the name that the mock gives to an attempt of this cell.
OWN = {"request_id": None, "admitted_s": None, "connected_s": None, "written_s": None, "first_byte_s": None}


def played(transport: str, fault: str, folder) -> list[Outcome]:
    """What a strategy of each sort leaves under a fault, over sockets in memory."""
    words = [
        "profile=calm", f"fault={fault}", "fault.probability=0.5", "matrix.strategy=[article_10,split_timers,hedge_2]",
        f"matrix.transport=[{transport}]", "network=memory", "workload.batches=1", "workload.batch_size=10",
        "workload.max_tokens=5", "batch_limit_s=300", f"out={folder}",
    ]  # fmt: skip
    experiment = compose(None, words)
    opened = open_folder(experiment)
    # A fault that no timer ends is cut short by the limit of the batch.
    assert run(experiment, opened).exit_code in {0, 3}
    outcomes = sorted(opened.outcomes(), key=lambda outcome: (outcome.cell, outcome.request))
    return [
        replace(
            outcome,
            cell=outcome.cell.partition(",")[0],
            attempts=tuple(comparable(attempt) for attempt in outcome.attempts),
        )
        for outcome in outcomes
    ]


def comparable(attempt: Attempt) -> Attempt:
    """What both must tell alike: of an error its class, and of an answer that nobody read not how much had come."""
    unread = {"bytes": 0} if attempt.outcome == "status_error" else {}
    return replace(attempt, error=(attempt.error or "").partition(":")[0], **OWN, **unread)


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_met_alike(fault, tmp_path):
    """Every instant, outcome and error of every attempt, whatever is stamped early and read late."""
    usual = played("httpx2", fault, tmp_path / "usual")
    assert len(usual) == 30
    assert played("asyncio", fault, tmp_path / "own") == usual


def test_direct_calls_go_through_no_transport():
    """One line, before anything is played."""
    with pytest.raises(UserError, match="transport=asyncio needs clock=real or network=memory"):
        compose("article", ["matrix.transport=[httpx2,asyncio]"])


def test_a_proxy_is_not_gone_past(monkeypatch):
    """One line, before anything is sent; a host that needs none is welcome."""
    monkeypatch.setenv("OPENAI_API_KEY", "any")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    words = ["target=openai", "target.base_url=https://api.invalid/v1", "strategy.transport=asyncio"]
    experiment = compose(None, words)
    with pytest.raises(UserError, match="transport=asyncio goes through no proxy"):
        check_target(experiment)
    monkeypatch.setenv("no_proxy", "api.invalid")
    with pytest.raises(UserError, match="cannot reach"):
        check_target(experiment)

"""The simulation and virtual time give the same seconds for the same draws."""

import numpy as np
import pytest

from harness.config import compose
from harness.runner import open_folder, run
from harness.simulation import FromScripts, simulate

TRIALS, BATCHES, BATCH_SIZE, SEED = 2, 2, 20, 11

RESTART = ["strategy=restart_2"]
HEDGE = ["strategy=hedge_2"]
NO_IDLE = ["strategy.idle_timeout=off"]
CASES = {
    "restart": RESTART,
    "restart, few retries": [*RESTART, "strategy.max_retries=1", "strategy.timeout=1"],
    "restart, no retry": [*RESTART, "strategy.max_retries=0", "strategy.timeout=1"],
    "restart, escalating": ["strategy=escalating"],
    "restart, luby": ["strategy=luby"],
    "restart in a window": [*RESTART, "strategy.dispatch=window", "strategy.in_flight=16"],
    "restart, attempts too short": [*RESTART, *NO_IDLE, "strategy.attempt_timeout=2", "strategy.timeout=1.5"],
    "restart, total too short": [*RESTART, *NO_IDLE, "strategy.total_timeout=3", "strategy.attempt_timeout=3"],
    "hedge": HEDGE,
    "hedge, three copies": [*HEDGE, "strategy.max_hedges=3", "strategy.delay=0.8", "strategy.timeout=2"],
    "hedge at once": ["strategy=two_copies"],
    "hedge in a window": [*HEDGE, "strategy.dispatch=window", "strategy.in_flight=7", "strategy.delay=1"],
    "hedge, total too short": [
        *HEDGE,
        *NO_IDLE,
        "strategy.total_timeout=2.5",
        "strategy.attempt_timeout=2.5",
        "strategy.timeout=2.2",
    ],
}


def virtual(words: list[str], profile: list[str], out):
    """Totals, failures and attempts of each trial, from records of the real SDK under the real strategies."""
    sizes = [f"workload.batches={BATCHES}", f"workload.batch_size={BATCH_SIZE}", f"trials={TRIALS}", f"seed={SEED}"]
    experiment = compose(None, [*sizes, *words, *profile, "engine=local", f"out={out}"])
    folder = open_folder(experiment)
    assert run(experiment, folder).exit_code == 0
    (cell,) = experiment.cells
    spans: dict[tuple[int, int], list[float]] = {}
    failed, attempts = np.zeros(TRIALS, int), np.zeros(TRIALS, int)
    for outcome in folder.outcomes():
        batch = spans.setdefault((outcome.trial, outcome.batch if cell.strategy.dispatch == "gather" else 0), [])
        batch += [outcome.start_s, outcome.end_s]
        failed[outcome.trial] += not outcome.ok
        attempts[outcome.trial] += len(outcome.attempts)
    totals = np.zeros(TRIALS)
    for (trial, _), instants in spans.items():
        totals[trial] += max(instants) - min(instants)
    return cell, totals, failed, attempts


@pytest.mark.parametrize("profile", [["profile=incident"], ["profile=gpt_4o", "profile.output_tokens=3"]], ids=str)
@pytest.mark.parametrize("case", CASES)
def test_totals_failures_and_attempts_are_equal(case, profile, tmp_path):
    """To 1e-9 s, with stalls in a fifth of the attempts, and with answers of three tokens."""
    cell, totals, failed, attempts = virtual(CASES[case], profile, tmp_path / "run")
    draws = FromScripts(cell.profile, range(SEED, SEED + TRIALS), BATCHES * BATCH_SIZE)
    found = simulate(cell.strategy, draws, trials=TRIALS, batches=BATCHES, batch_size=BATCH_SIZE)
    assert np.abs(found.totals - totals).max() <= 1e-9
    assert found.failed.tolist() == failed.tolist()
    assert found.attempts.tolist() == attempts.tolist()


def test_the_cases_tell_something():
    """Some of them fail requests, and all kinds are among them: two equal zeros would prove nothing."""
    kinds = {compose(None, words).cells[0].strategy.kind for words in CASES.values()}
    assert kinds == {"restart", "luby", "hedge"}
    short = compose(None, [*CASES["restart, no retry"], "profile=incident"]).cells[0]
    draws = FromScripts(short.profile, [SEED], BATCHES * BATCH_SIZE)
    assert simulate(short.strategy, draws, trials=1, batches=BATCHES, batch_size=BATCH_SIZE).failed[0] > 10

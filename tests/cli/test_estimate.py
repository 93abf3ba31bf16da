"""What a run comes to, said before it is played."""

import json
from pathlib import Path

import pytest

from harness.analysis import summarise
from harness.config import compose
from harness.config.schema import PriceSettings
from harness.estimate import estimate
from harness.estimate.duration import ATTEMPT_S, REPORT_S, SOCKETS_S, START_S, TOKEN_S
from harness.estimate.foresee import foresee
from harness.estimate.matrix import matrix
from harness.estimate.text import dollars, lines, span
from harness.estimate.tokens import Tokens, cost
from harness.runner import open_folder, run

API = ["target=openai", "workload=smoke", "strategy=article_10"]


def said(experiment: str | None, *words: str, columns: int = 100) -> dict[str, str]:
    """The lines of an estimate by their labels."""
    found = lines(estimate(compose(experiment, words)), columns)
    return {line.split()[0]: line.split(maxsplit=1)[1] for line in found}


def test_axes_are_shown_with_their_values():
    """As they are written on the command line."""
    found = said("article", "matrix.timeout=[5,null,off]", "matrix.strategy=[article_10]", "matrix.stream=[false,true]")
    assert (found["strategy"], found["timeout"], found["stream"]) == ("article_10", "5, null, off", "false, true")


def test_excluded_and_included_cells_are_counted():
    """As in GitHub Actions: an entry that fits nothing is a cell of its own."""
    settings = {
        "a": [1, 2, 3],
        "b": [1, 2],
        "exclude": [{"a": 1}, {"a": 2, "b": 2}],
        "include": [{"a": 9, "b": 9}],
    }
    found = matrix(settings, 4)
    assert (dict(found.axes), found.excluded, found.included) == ({"a": [1, 2, 3], "b": [1, 2]}, 3, 1)
    assert matrix({}, 1).excluded == matrix({}, 1).included == 0
    assert matrix({"a": [1, 2]}, 2).excluded == 0


@pytest.mark.parametrize("name", ["article", "fault_matrix", "headroom", "rate_limits"])
@pytest.mark.parametrize("columns", [80, 200])
def test_an_estimate_is_short_however_large_the_matrix(name, columns):
    """At most eight lines that a terminal does not break, for 936 cells too."""
    found = lines(estimate(compose(name)), columns)
    assert 4 <= len(found) <= 8
    assert max(len(row) for line in found for row in line.splitlines()) <= columns


def test_values_that_do_not_fit_are_counted():
    """Rather than wrapped."""
    fault = said("fault_matrix", columns=60)["fault"]
    assert fault.startswith("none, connect_refused")
    assert fault.endswith(", … (36 values)")


@pytest.mark.slow
def test_a_cell_is_foreseen_as_it_is_played(tmp_path: Path):
    """The published strategies within a fifth of virtual time, over twenty trials: good for "about"."""
    words = ["trials=20", "workload.batches=2", "matrix.strategy=[article_10,restart_2]", f"out={tmp_path / 'run'}"]
    experiment = compose("article", words)
    folder = open_folder(experiment)
    assert run(experiment, folder).exit_code == 0
    played = summarise(folder, bounds=False)["cells"]
    for cell, expected in zip(played, foresee(experiment), strict=True):
        assert expected.total_s == pytest.approx(cell["total_s"]["mean"], rel=0.2)
        assert expected.load == pytest.approx(cell["load"], abs=0.01)


def test_an_answer_that_is_not_streamed_is_waited_for_as_a_whole():
    """21 s with a timeout of 15 s: streamed, it arrives; as a whole, every attempt is given up."""
    words = ["profile=long_answer", "strategy=article_10", "strategy.timeout=15", "workload=smoke"]
    streamed, whole = (foresee(compose(None, [*words, f"strategy.stream={stream}"]))[0] for stream in ("true", "false"))
    assert streamed.load == 1
    assert whole.load == 18


def test_times_are_scaled():
    """A run at half the speed takes twice as long."""
    one, two = (foresee(compose(None, ["strategy=article_10", f"time_scale={scale}"]))[0] for scale in (1, 2))
    assert two.total_s == pytest.approx(2 * one.total_s)


@pytest.mark.parametrize(
    ("experiment", "words", "reason"),
    [
        (None, ["strategy=adaptive"], "adaptive cannot be simulated ("),
        (None, ["profile=overload"], "how fast it answers depends on"),
        (None, ["target=openai"], "a real API keeps its own time"),
        (None, ["clock=real", "target.base_url=http://localhost:8000/v1"], "the mock at target.base_url keeps its own"),
        ("fault_matrix", ["clock=real"], "it is too large to be simulated beforehand"),
    ],
)
def test_what_is_not_foreseen_has_a_reason(experiment, words, reason):
    """And no number."""
    found = foresee(compose(experiment, words))
    assert all((one.total_s, one.load) == (None, None) for one in found)
    assert found[0].why_not.startswith(reason)


def test_attempts_are_expected_and_bounded():
    """20 requests, (5 + 1) x 3 attempts each at most; one each without stalls."""
    found = estimate(compose(None, ["strategy=article_10", "workload=smoke", "profile=calm"])).attempts
    assert (found.requests, found.expected, found.is_least, found.most) == (20, 20, False, 360)


def test_what_is_not_foreseen_makes_attempts_a_lower_bound():
    """Every request needs one at least."""
    assert said("rate_limits")["attempts"].startswith("110,000 requests: at least 110,000 expected, at most 1,570,000")


def test_tokens_are_those_of_every_attempt():
    """Attempts times tokens of an answer; 21 letters of the prompt are 6 tokens, and a message costs 8 more."""
    found = estimate(compose(None, [*API, "workload.max_tokens=16"])).tokens
    assert found == Tokens(output_expected=320, output_most=5760, input_expected=280, input_most=5040)


def test_tokens_without_a_limit_are_not_guessed():
    """Nor is their cost."""
    found = said(None, *API, "budget.price.input=1", "budget.price.output=2")
    assert found["tokens"] == "output is not limited; set workload.max_tokens"
    assert found["cost"] == "not limited, as the tokens are not"


def test_cost_is_tokens_times_prices():
    """Dollars for a million of each."""
    found = cost(PriceSettings(input=0.5, output=2.0), Tokens(1_000_000, 3_000_000, 2_000_000, 4_000_000))
    assert (found.expected, found.most) == (3.0, 8.0)
    assert cost(PriceSettings(), Tokens(1, 1, 1, 1)) is None


def test_cost_is_said_where_there_is_a_price():
    """For the mock too: it is what an API would have cost."""
    price = ["budget.price.input=0.15", "budget.price.output=0.6", "workload.max_tokens=16"]
    assert said(None, *API, *price)["cost"] == "at least $0.00023 expected, at most $0.0042"
    assert said(None, *API[1:], *price, "profile=calm")["cost"] == "about $0.00023 expected, at most $0.0042"
    assert "cost" not in said("article")


def test_a_real_api_without_a_price_is_told_how_to_set_one():
    """Money is what one wants to know first."""
    assert "budget.price.input" in said(None, *API)["cost"]


@pytest.mark.parametrize("words", [["budget.price.input=1"], ["budget.price.output=1"]])
def test_half_a_price_is_refused(harness, words):
    """In one line."""
    code, _, err = harness("run", *words)
    assert (code, len(err.splitlines())) == (2, 1)
    assert "set both budget.price.input and budget.price.output" in err


def test_virtual_time_costs_what_its_attempts_cost():
    """By the core's seconds for each, over one process or several."""
    words = ["profile=calm", "strategy=article_10", "workload=smoke", "engine=local", "report=false"]
    one = estimate(compose(None, words)).duration
    assert one.seconds == pytest.approx(20 * ATTEMPT_S + START_S)
    more = [*words[:-1], "profile.output_tokens=11", "network=memory"]
    other = estimate(compose(None, more)).duration
    assert other.seconds == pytest.approx(20 * (ATTEMPT_S + 10 * TOKEN_S + SOCKETS_S) + START_S + REPORT_S)


def test_real_time_is_the_sum_of_what_is_foreseen():
    """Of all cells and trials."""
    experiment = compose("article", ["clock=real", "trials=3", "report=false"])
    found = estimate(experiment).duration
    assert found.seconds == pytest.approx(3 * sum(one.total_s for one in foresee(experiment)) + START_S)


def test_real_time_says_how_many_processes_play_together():
    """As many as there are shards of one trial; one where that is all there is."""
    window = ["strategy=sdk_default", "strategy.dispatch=window", "clock=real", "profile=instant"]
    assert said(None, *window, "engine=processes", "shards=3")["takes"].endswith(" in 3 processes, in real time")
    assert "process" not in said(None, *window)["takes"]
    assert "process" not in said("article", "clock=real", "engine=processes", columns=200)["takes"]


def test_real_time_says_for_which_cells_it_is_known():
    """The others have a reason."""
    takes = said("article", "clock=real", "matrix.strategy=[article_10,adaptive]", columns=200)["takes"]
    assert " for 1 of 2 cells; not known for the rest: adaptive cannot be simulated (" in takes
    assert said(None, "target=openai")["takes"] == "not known beforehand: a real API keeps its own time"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (14.6, "15 s"), (47, "50 s"), (95, "2 min"), (3600, "60 min"), (7200, "2.0 h"), (90_000, "25 h")],
)
def test_spans_are_as_rough_as_they_are_known(seconds, text):
    """Two digits at most."""
    assert span(seconds) == text


@pytest.mark.parametrize(("amount", "text"), [(0.000234, "$0.00023"), (0.5, "$0.5"), (1234.5, "$1,234.50")])
def test_money_is_rounded_to_what_counts(amount, text):
    """Small amounts too."""
    assert dollars(amount) == text


def test_a_dry_run_plays_nothing(harness):
    """Exit 0, the estimate on stdout, no folder."""
    code, out, err = harness("run", "article", "--dry-run")
    assert (code, err) == (0, "")
    assert out.startswith("article: 3 cells x 5 trials")
    assert "  takes      about " in out
    assert list(Path().iterdir()) == []


def test_a_dry_run_says_that_it_would_be_refused(harness):
    """It needs no key, sends nothing, and exits 0."""
    code, out, err = harness("run", *API, "--dry-run")
    assert code == 0
    assert err.startswith("it would be refused: this run would send 20 requests")
    assert "attempts  20 requests: at least 20 expected, at most 360 (retries multiply)" in out


@pytest.mark.parametrize(
    ("words", "count"), [(["article"], None), (["-m", "profile=article,calm", "strategy=article_10"], 2)]
)
def test_a_dry_run_as_json_is_one_document(harness, words, count):
    """A list for several runs."""
    code, out, err = harness("run", *words, "--dry-run", "--json")
    found = json.loads(out)
    assert (code, err) == (0, "")
    assert count is None or len(found) == count
    first = found if count is None else found[0]
    assert first["attempts"]["requests"] > 0
    assert first["refused"] is None


def test_a_run_says_it_before_it_starts(harness):
    """On stderr, above the run folder."""
    _, out, err = harness("run", "strategy=article_10", "workload=smoke", "out=run", "report=false")
    assert err.index("attempts  20 requests: about 20 expected, at most 360") < err.index("run folder: run")
    assert "expected, at most" not in out


WINDOW = ["clock=real", "engine=local", "strategy=sdk_default", "strategy.dispatch=window", "workload.batches=30"]
WIDE = [*WINDOW, "strategy.in_flight=3000"]


def test_a_pool_that_is_too_small_is_told_beforehand():
    """The SDK's own limit, of which few know; who sets one knows, and virtual time has none."""
    assert said(None, *WIDE, columns=None)["pool"] == (
        "1,000 connections, the SDK's own limit, for 3,000 attempts at once: the rest wait in the client; "
        "strategy.max_connections=auto has one for each"
    )
    for words in (["strategy.max_connections=auto"], ["strategy.max_connections=50"], ["clock=virtual"]):
        assert "pool" not in said(None, *WIDE, *words)
    assert "pool" not in said(None, *WIDE, "strategy.in_flight=1000")
    # How many come at once is known to nobody here.
    arrivals = ["workload=poisson", "strategy.dispatch=open", "workload.batches=30", "strategy=hedge_2"]
    assert "pool" not in said(None, "clock=real", "engine=local", *arrivals)


def test_every_client_has_a_pool_of_its_own():
    """Shards have a client each; the cell that asks for most is named where there are several."""
    processes = [*WIDE, "engine=processes"]
    assert estimate(compose(None, [*processes, "shards=2"])).pool.connections == 2_000
    assert estimate(compose(None, [*processes, "shards=3"])).pool is None
    cells = ["matrix.in_flight=[100,2000,3000]"]
    assert "attempts at once of cell in_flight=3000: " in said(None, *WINDOW, *cells, columns=None)["pool"]

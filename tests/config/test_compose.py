"""Words become an experiment, or one line that says what is wrong."""

from pathlib import Path

import pytest
import yaml

from harness.config import combinations, compose, serve_settings
from harness.config.files import members
from harness.errors import UserError
from harness.faults import catalogue as faults
from harness.presets import catalogue


def cells(experiment: str | None, *words: str) -> list[str]:
    return [cell.name for cell in compose(experiment, words).cells]


def test_the_article_has_its_three_cells():
    """In their order, against the first, over the published workload."""
    article = compose("article")
    assert cells("article") == ["article_none", "article_10", "article_20"]
    assert (article.reference, article.clock) == ("article_none", "virtual")
    assert {cell.workload.name for cell in article.cells} == {"10x100"}
    assert {cell.profile.name for cell in article.cells} == {"article"}


@pytest.mark.parametrize(("name", "count"), [("timeout_sweep", 24), ("grid", 30), ("batch_size_sweep", 14)])
def test_packaged_experiments_expand(name, count):
    """Every cell of the matrix, and a reference that is one of them as the file says."""
    experiment = compose(name)
    assert len(experiment.cells) == count
    assert experiment.reference == experiment.settings.reference
    assert experiment.reference in {cell.name for cell in experiment.cells}


def test_every_experiment_begins_with_its_question_and_its_command():
    """A reader of the file sees both first."""
    found = members("experiment")
    assert len(found) >= 4
    for name, path in found.items():
        lines = path.read_text().splitlines()
        assert lines[0] == "# @package _global_"
        assert lines[1].startswith("# Question: ")
        assert f"harness run {name}" in lines[2]
        question = yaml.safe_load(path.read_text())["question"]
        assert question.lower() == lines[1].removeprefix("# Question: ")


@pytest.mark.parametrize("group", ["strategy", "profile", "fault", "workload", "target"])
def test_every_member_of_a_group_composes(group, tmp_path):
    """Each file can be chosen by name; recorded times want a recording, a fault that is certain no other faults."""
    (tmp_path / "log.csv").write_text("ttft_s\n1\n")
    more = {
        ("profile", "recorded"): [f"profile.recording.file={tmp_path / 'log.csv'}"],
        ("fault", "overload"): ["profile=calm"],
    }
    found = members(group)
    assert found
    for name in found:
        assert compose(None, [f"{group}={name}", *more.get((group, name), [])]).cells


def test_each_kind_of_fault_has_a_file():
    """One class, one YAML; both are found by the same name."""
    assert set(members("fault")) == set(faults())
    for name, path in members("fault").items():
        assert yaml.safe_load(path.read_text())["kind"] == name


def test_a_fault_is_added_to_the_profile():
    """From the command line, with its fields, and as an axis, where `none` adds nothing."""
    one = compose(None, ["profile=calm", "fault=mid_stream_stall", "fault.probability=0.3"]).cells[0].profile
    assert (one.name, [fault.probability for fault in one.faults]) == ("calm+mid_stream_stall", [0.3])
    two = compose("article", ["profile=incident", "matrix.fault=[none,slow_drip]"]).cells
    assert [(cell.axes["fault"], cell.profile.name, len(cell.profile.faults)) for cell in two[:2]] == [
        ("none", "incident", 2), ("slow_drip", "incident+slow_drip", 3),
    ]  # fmt: skip


def test_two_profiles_of_one_name_are_refused(tmp_path: Path, monkeypatch):
    """The summary could not tell them apart."""
    (tmp_path / "conf" / "profile").mkdir(parents=True)
    (tmp_path / "conf" / "profile" / "mine.yaml").write_text("name: calm\noutput_tokens: 7\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="two profiles of the matrix have the same `name: calm`; rename one of them"):
        compose(None, ["matrix.profile=[calm,mine]"])


def test_without_an_experiment_one_cell_of_the_strategy_is_run():
    """`harness run strategy=article_10`."""
    experiment = compose(None, ["strategy=article_10"])
    assert (experiment.name, [cell.name for cell in experiment.cells]) == ("article_10", ["article_10"])


def test_the_command_line_overrides_the_experiment():
    """Words come last."""
    assert compose("article").settings.trials == 5
    assert compose("article", ["trials=2", "seed=7"]).seeds == range(7, 9)


def test_an_axis_from_the_command_line():
    """`matrix.timeout=[5,10]` multiplies the cells; null and off have names of their own."""
    assert cells("article", "matrix.strategy=[article_10]", "matrix.timeout=[5,null,off]") == [
        "article_10,timeout=5", "article_10,timeout=default", "article_10,timeout=off",
    ]  # fmt: skip
    timeouts = [c.strategy.timeout for c in compose(None, ["matrix.timeout=[5,null,off]"]).cells]
    assert timeouts == [5, None, "off"]


def test_include_and_exclude_from_a_file(tmp_path: Path, monkeypatch):
    """As in GitHub Actions; and one's own ./conf adds experiments."""
    folder = tmp_path / "conf" / "experiment"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text(
        "# @package _global_\nquestion: q\nmatrix:\n  timeout: [5, 10]\n  stream: [false, true]\n"
        "  exclude: [{timeout: 5, stream: false}]\n  include: [{timeout: 99, stream: true}]\n"
    )
    monkeypatch.chdir(tmp_path)
    assert cells("mine") == [
        "timeout=5,stream=true", "timeout=10,stream=false", "timeout=10,stream=true", "timeout=99,stream=true",
    ]  # fmt: skip
    assert catalogue()["experiments"]["mine"] == "q"
    assert "article" in catalogue()["experiments"]


def test_the_resolved_settings_compose_to_the_same():
    """config.yaml says everything that the run was made of."""
    from pydantic import TypeAdapter

    from harness.config.schema import Settings

    experiment = compose("article", ["trials=3", "workload.batches=2"])
    again = TypeAdapter(Settings).validate_python(yaml.safe_load(yaml.safe_dump(experiment.resolved)))
    assert again == experiment.settings


def test_retries_multiply_in_the_ceiling():
    """1,000 requests x 18 attempts x 3 cells x 2 trials; tokens times the limit of each."""
    experiment = compose("article", ["trials=2", "workload.max_tokens=16"])
    assert experiment.http_attempts_at_most() == 108_000
    assert experiment.tokens_at_most() == 1_728_000
    assert compose("article").tokens_at_most() is None


MISTAKES = [
    (
        None,
        ["strategy.in_flight=3"],
        "'strategy.in_flight=3' has no effect: dispatch=gather has no window; use strategy.dispatch=window",
    ),
    (
        None,
        ["strategy.in_flight=3", "strategy.dispatch=open", "workload=poisson"],
        "'strategy.in_flight=3' has no effect: dispatch=open has no window; use strategy.dispatch=window",
    ),
    ("artcle", [], "no experiment named 'artcle'; did you mean 'article'?"),
    ("article", ["trails=3"], "unknown key 'trails'; did you mean 'trials'?"),
    ("article", ["clock=virtul"], "clock: no such choice: 'virtul'; did you mean 'virtual'?"),
    ("article", ["matrix.timeout=[-5]"], "matrix.timeout: should be greater than 0 (got -5)"),
    (None, ["strategy.timeout=-5"], "strategy.timeout: should be greater than 0 (got -5)"),
    ("article", ["matrix.timeout=[]"], "matrix.timeout is empty: give it at least one value, or leave the axis out"),
    ("article", ["matrix.timeout=5"], "matrix.timeout must be a list: matrix.timeout=[5]"),
    ("article", ["matrix.batch_size=[0]"], "matrix.batch_size: 0 is not between 1 and the workload's 1000 requests"),
    ("article", ["matrix.batch_size=[1001]"],
     "matrix.batch_size: 1001 is not between 1 and the workload's 1000 requests"),
    ("article", ["workload.batch_size=0"], "workload.batch_size: should be greater than or equal to 1 (got 0)"),
    ("article", ["timeout=5"], "unknown key 'timeout'; did you mean strategy.timeout=5 or matrix.timeout=[5]?"),
    (None, ["+strategy.tiemout=1"], "unknown key 'strategy.tiemout'; did you mean 'timeout'?"),
    (None, ["strategy=artcle_10"], "no strategy named 'artcle_10'; did you mean 'article_10'?"),
    ("article", ["profile=calmm"], "no profile named 'calmm'; did you mean 'calm'?"),
    ("article", ["trials=0"], "trials: should be greater than or equal to 1 (got 0)"),
    ("article", ["trials=many"], "trials: a number of trials, or auto"),
    ("article", ["trials"], "'trials' is not key=value"),
    ("article", ["budget.max_request=5"], "unknown key 'budget.max_request'; did you mean 'max_requests'?"),
    ("article", ["matrix.timeuot=[1]"], "unknown axis 'matrix.timeuot'; did you mean 'timeout'?"),
    ("article", ["matrix.delay=[1,2]"],
     "matrix.delay: the strategy article_none (kind sdk) has no such setting; "
     "leave the axis or the strategy out of the matrix, or use exclude"),
    ("article", ["matrix.strategy=[article_11]"], "no strategy named 'article_11'; did you mean 'article_10'?"),
    ("article", ["matrix.strategy=[article_10,article_10]"],
     "two cells of the matrix are called 'article_10'; remove the repeated value"),
    ("article", ["strategy.timeout=5"],
     "'strategy.timeout=5' has no effect: the matrix names its strategy values; use matrix.timeout=[...]"),
    ("article", ["~seed"], "'~seed': nothing can be deleted; set seed=null instead"),
    ("article", ["target=openai", "clock=virtual"],
     "target=openai needs clock=real: a real API does not wait in virtual time"),
    ("article", ["target=openai", "time_scale=0.5"], "time_scale needs target=mock: a real API keeps its own time"),
    ("article", ["network=memory", "clock=real"], "network=memory needs clock=virtual: real time uses real sockets"),
    ("article", ["target.base_url=http://h/v1"], "target.base_url needs clock=real: virtual time has no network"),
    ("article", ["target.base_url=ftp//h"], "target.base_url: a base URL looks like https://host/v1"),
    (None, ["fault=slow_dripp"], "no fault named 'slow_dripp'; did you mean 'slow_drip'?"),
    (None, ["matrix.fault=[slow_dripp]"], "no fault named 'slow_dripp'; did you mean 'slow_drip'?"),
    (None, ["fault=stall", "fault.durration=forever"], "unknown key 'fault.durration'; did you mean 'duration'?"),
    (None, ["fault=stall", "matrix.fault=[stall]", "fault.probability=0.5"],
     "'fault=stall' has no effect: the matrix names its fault values; use matrix.fault=[...]"),
    (None, ["fault=overload"], "fault overload: faults: their probabilities are 1.0168 together, more than 1"),
    ("article", ["target=openai", "fault=stall"], "fault needs target=mock: a real API has faults of its own"),
    (None, ["profile.output_tokens=0"], "profile.output_tokens: should be greater than or equal to 1 (got 0)"),
]  # fmt: skip


QUOTED = 'what is no plain value stands in quotes, which the shell must leave there: "out='
HUGE = "a trial of more than 1,000,000,000,000 requests; lower workload.batches, batch_size or duration_s"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["seed=9223372036854775808"], "seed: should be less than or equal to 4611686018427387904"),
        (["workload.batches=100000000000000", "workload.batch_size=1000000000000"], HUGE),
        (["workload=poisson", "workload.duration_s=1e19"], HUGE),
        (["workload=poisson", "workload.duration_s=1e300", "workload.arrivals.rate=1e300"], HUGE),
        (
            ["workload.arrivals={kind: constant, rate: 1e-300}"],
            "workload.arrivals come so rarely that the last request",
        ),
        (
            ["out=läufe"],
            f"cannot read 'out=läufe': {QUOTED}'läufe'",
        ),
        (
            ["out=a=b"],
            f"cannot read 'out=a=b': {QUOTED}'a=b'",
        ),
    ],
)
def test_numbers_beyond_reason_and_values_that_are_not_plain_are_one_line(words, message):
    """Before anything is played, in one line that begins so."""
    with pytest.raises(UserError) as error:
        compose(None, words)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("experiment", "words", "message"), MISTAKES)
def test_a_mistake_is_one_line(experiment, words, message):
    """What is wrong and what to do, before the first request."""
    with pytest.raises(UserError) as error:
        compose(experiment, words)
    assert str(error.value) == message


def test_unbalanced_brackets_name_the_word():
    """Hydra's grammar speaks of input alternatives; the word is what a user knows."""
    with pytest.raises(UserError, match=r"cannot read 'matrix\.timeout=\[5'"):
        compose("article", ["matrix.timeout=[5"])


def test_the_string_none_is_refused_with_the_two_that_are_meant():
    """null leaves the argument out, off passes None."""
    with pytest.raises(UserError, match=r"write null to leave the argument out .* or off to pass None"):
        compose("article", ["matrix.timeout=[none]"])


def test_a_password_in_a_url_is_refused_and_not_repeated():
    """What is refused is not printed either."""
    with pytest.raises(UserError, match="use OPENAI_API_KEY") as error:
        compose("article", ["target=openai", "target.base_url=https://user:hunter2@host/v1"])
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("experiment/broken.yaml", "# @package _global_\nmatrix: [1\n", "broken.yaml, line 3: not valid YAML"),
        ("experiment/local.yaml", "question: q\n", "must begin with the line '# @package _global_'"),
        ("experiment/typo.yaml", "# @package _global_\ntrails: 3\n", "unknown key 'trails'; did you mean 'trials'?"),
        ("strategy/list.yaml", "- 1\n", "expected key: value lines"),
    ],
)  # fmt: skip
def test_a_broken_file_is_named(tmp_path: Path, monkeypatch, name, text, message):
    """With its line, where there is one."""
    path = tmp_path / "conf" / name
    path.parent.mkdir(parents=True)
    path.write_text(text)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as error:
        compose(path.stem if path.parent.name == "experiment" else None)
    assert message in str(error.value)


def test_several_values_are_several_runs():
    """`-m profile=article,calm trials=1,2` is four."""
    assert combinations(["profile=article,calm", "trials=1,2", "matrix.timeout=[5,10]"]) == [
        ["profile=article", "trials=1", "matrix.timeout=[5,10]"],
        ["profile=article", "trials=2", "matrix.timeout=[5,10]"],
        ["profile=calm", "trials=1", "matrix.timeout=[5,10]"],
        ["profile=calm", "trials=2", "matrix.timeout=[5,10]"],
    ]


def test_serve_takes_key_value_words():
    """Profile by name, the rest by value."""
    settings = serve_settings(["profile=calm", "port=9000", "seed=3"])
    assert (settings.profile.name, settings.port, settings.seed, settings.host) == ("calm", 9000, 3, "127.0.0.1")


def test_serve_adds_a_fault_to_the_profile():
    """With what is changed of it."""
    profile = serve_settings(["profile=incident", "fault=slow_drip", "fault.every_s=3"]).profile
    assert profile.name == "incident+slow_drip"
    assert [(fault.name, getattr(fault, "every_s", None)) for fault in profile.faults[-1:]] == [("slow_drip", 3.0)]
    assert len(profile.faults) == 3


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("profile=clam", "no profile named 'clam'; did you mean 'calm'?"),
        ("fault=slow_dripp", "no fault named 'slow_dripp'; did you mean 'slow_drip'?"),
        ("fault.every_s=3", "'fault.every_s' needs fault=NAME, which says what is changed"),
        ("prot=1", "unknown key 'prot'; did you mean 'port'?"),
        ("port=99999", "port: should be less than or equal to 65535 (got 99999)"),
        ("port", "'port' is not key=value"),
        ("profile.=5", "'profile.' names no field: write profile.FIELD=VALUE"),
        ("profile.load..slots=5", "'profile.load..slots' names no field: write profile.FIELD=VALUE"),
    ],
)
def test_serve_explains_mistakes(word, message):
    """Before it listens."""
    with pytest.raises(UserError) as error:
        serve_settings([word])
    assert str(error.value) == message


@pytest.mark.parametrize("key", ["1", "a b", "gamma", "faults-"])
def test_a_key_that_looks_like_none_is_an_unknown_key(key):
    """Numbers, spaces and the names of distributions stand in pydantic's own paths too."""
    with pytest.raises(UserError, match=f"^unknown key 'profile article.{key}'; "):
        serve_settings([f"profile.{key}=2"])


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("faults=[{kind: stal, probability: 1}]", "faults.0.kind: no such fault 'stal'; did you mean 'stall'?"),
        ("faults=[{probability: 1}]", "faults.0.kind is missing"),
        ("headers={kind: lognorml}", "headers.kind: no such distribution 'lognorml'; did you mean 'lognormal'?"),
        ("headers={median: 1}", "headers.kind is missing"),
        (
            "faults=[{kind: stall, probability: 1, duration: {kind: parto, scale: 1}}]",
            "faults.0.duration.kind: no such distribution 'parto'; did you mean 'pareto'?",
        ),
    ],
)
def test_an_unknown_kind_is_told_with_the_one_that_is_near(word, message):
    """Instead of the names of all that there are; one that is missing is called so."""
    with pytest.raises(UserError) as error:
        serve_settings([f"profile.{word}"])
    assert str(error.value) == f"profile article.{message}"


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("matrix.timeout=3,5", r"several values stand in brackets, matrix\.timeout=\[3,5\]"),
        ("out=a b's", "brackets and quotes must be closed"),
        ("matrix.timeout=[3,", "brackets and quotes must be closed"),
    ],
)
def test_a_parsers_words_are_no_help(word, told):
    """What the mistake most likely was is said instead."""
    with pytest.raises(UserError, match=told):
        compose("article", [word])

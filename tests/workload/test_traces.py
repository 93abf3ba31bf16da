"""Traces and files of one's own: what is read, and what is wrong in them in one line."""

import json
from pathlib import Path

import pytest

from harness.config import compose
from harness.errors import UserError
from harness.workload import Workload
from harness.workload.arrivals import Poisson, Replay
from harness.workload.traces import trace_in

AZURE = """TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:00:00.5000000,300,44
2023-11-16 18:00:01.0000000,1200,7
2023-11-16 18:00:03.7500000,90,110
"""
AZURE_2024 = """TIMESTAMP,ContextTokens,GeneratedTokens
2024-05-10 00:00:00.250000+00:00,300,44
2024-05-10 00:00:02.250000+00:00,1200,7
"""
BURSTGPT = """Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type
5,ChatGPT,400,20,420,Conversation log
45.5,GPT-4,900,0,900,API log
118,ChatGPT,30,2,32,Conversation log
"""
BURSTGPT_3 = """Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type
100.0,1722ac82,43,GPT-4,906,446,1352,Conversation log
101.0,d5983bf9,2,ChatGPT,36,29,65,Conversation log
"""


def written(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize(
    ("text", "at_s", "tokens"),
    [
        (AZURE, [0.0, 0.5, 3.25], [44, 7, 110]),
        (AZURE_2024, [0.0, 2.0], [44, 7]),
        (BURSTGPT, [0.0, 40.5, 113.0], [20, 1, 2]),
        (BURSTGPT_3, [0.0, 1.0], [446, 29]),
    ],
    ids=["azure", "azure 2024", "burstgpt", "burstgpt with sessions"],
)
def test_public_traces_are_told_by_their_headers(tmp_path, text, at_s, tokens):
    """Seconds since the first row and tokens of the answers; a failure without an answer counts as the shortest."""
    found = trace_in(written(tmp_path / "t.csv", text))
    assert (list(found.at_s), list(found.tokens)) == (at_s, tokens)


def test_a_trace_is_replayed_as_fast_as_wanted(tmp_path):
    """It has as many requests as rows, or as come within the duration, with the answers' lengths as limits."""
    file = written(tmp_path / "t.csv", AZURE)
    workload = Workload(arrivals=Replay(file=file, speed=2))
    assert len(workload) == 3
    assert list(workload.instants(0)) == [0.0, 0.25, 1.625]
    assert [request.max_tokens for request in workload.requests] == [44, 7, 110]
    assert workload.most_tokens == 161
    assert len(Workload(arrivals=Replay(file=file, speed=2), duration_s=1.625)) == 2
    limited = Workload(arrivals=Replay(file=file), max_tokens=50)
    assert [request.max_tokens for request in limited.requests] == [44, 7, 50]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "t.csv has no header of a trace"),
        ("a,b\n1,2\n", "t.csv has no header of a trace"),
        (AZURE.splitlines()[0] + "\n", "has a header and no rows"),
        (AZURE + "yesterday,1,2\n", r"t.csv, line 5: not a row of Azure: TIMESTAMP 'yesterday', GeneratedTokens '2'"),
        (AZURE + "2023-11-16 18:00:09,1,-2\n", r"t.csv, line 5: not a row of Azure"),
        (AZURE + "2023-11-16 18:00:09\n", r"t.csv, line 5: 1 columns where the header has 3"),
        (AZURE + "2023-11-16 18:00:02,1,2\n", r"t.csv, line 5: .* is before that of the row above; sort the file"),
        (BURSTGPT + "nan,ChatGPT,1,2,3,API log\n", r"t.csv, line 5: not a row of BurstGPT: Timestamp 'nan'"),
    ],
)
def test_a_bad_trace_is_told_with_its_line(tmp_path, text, told):
    """Before anything is sent, and in one line."""
    file = written(tmp_path / "t.csv", text)
    with pytest.raises(UserError, match=told) as error:
        compose(None, [f"workload.arrivals={{kind: trace, file: '{file}'}}"])
    assert "\n" not in str(error.value)


def test_a_trace_that_is_not_there_is_told(tmp_path):
    """With what it is for."""
    with pytest.raises(UserError, match=r"cannot read no\.csv \(No such file"):
        compose(None, ["workload.arrivals={kind: trace, file: no.csv}"])


LINES = [
    {"messages": [{"role": "user", "content": "one"}], "max_tokens": 5, "at_s": 1.0, "id": "a"},
    {"prompt": "two and a half", "expected_output_tokens": 9, "at_s": 1.5},
    {"prompt": "three", "output_tokens": 9, "max_tokens": 4, "at_s": 4.0},
]


def lines(path: Path, entries: list) -> str:
    return written(path, "".join(json.dumps(entry) + "\n" for entry in entries))


def test_lines_become_requests_in_order(tmp_path):
    """Messages as they are, a prompt as one of the user's; limits are sent, expectations the mock alone is told."""
    workload = Workload(batches=1, batch_size=3, file=lines(tmp_path / "my.jsonl", LINES))
    found = list(workload.requests)
    assert [request.messages[0]["content"] for request in found] == ["one", "two and a half", "three"]
    assert [request.max_tokens for request in found] == [5, None, 4]
    assert [request.mock_tokens for request in found] == [5, 9, 4]
    assert (workload.most_tokens, workload.expected_tokens(None)) == (None, 18)
    assert workload.letters == 3 + 14 + 5


def test_lines_say_when_they_come(tmp_path):
    """As a trace, counted from the first."""
    file = lines(tmp_path / "my.jsonl", LINES)
    workload = Workload(file=file, arrivals=Replay(file=file))
    assert (len(workload), list(workload.instants(0))) == (3, [0.0, 0.5, 3.0])


def test_more_requests_than_lines_must_be_wanted(tmp_path):
    """Again and again with `repeat`; without it one line says how many there are."""
    file = lines(tmp_path / "my.jsonl", LINES)
    with pytest.raises(UserError, match=r"holds 3 requests and the workload asks for 7; set workload\.batches=1 work"):
        Workload(batches=1, batch_size=7, file=file).check()
    workload = Workload(batches=1, batch_size=7, file=file, repeat=True)
    workload.check()
    assert [len(request.messages[0]["content"]) for request in workload.requests] == [3, 14, 5, 3, 14, 5, 3]
    assert workload.letters == 2 * 22 + 3


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("nonsense", r"line 2: not JSON"),
        ("[1]", r"line 2: not a JSON object"),
        ('{"promt": "x"}', r"line 2: unknown key 'promt'; did you mean 'prompt'\?"),
        ("{}", r"line 2: a request has messages or a prompt"),
        ('{"prompt": "x", "messages": []}', r"line 2: a request has messages or a prompt, one of the two"),
        ('{"messages": []}', r"line 2: messages must be a list with a message in it"),
        ('{"messages": [{"content": "x"}]}', r"line 2: each of messages must be an object with a role"),
        ('{"prompt": "x", "max_tokens": 0}', r"line 2: max_tokens must be a whole number from 1 to 1000000000000"),
        (f'{{"prompt": "x", "max_tokens": {2**63}}}', r"line 2: max_tokens must be a whole number from 1 to"),
        (f'{{"prompt": "x", "at_s": 1{"0" * 400}}}', r"line 2: at_s must be a number of seconds from 0 to"),
        ('{"messages": ' + "[" * 100_000, r"line 2: nested too deeply"),
        ('{"prompt": "\\ud800 a"}', r"line 2: half of a character"),
        ('{"prompt": "x", "output_tokens": true}', r"line 2: output_tokens must be a whole number"),
        ('{"prompt": "x", "at_s": -1}', r"line 2: at_s must be a number of seconds from 0 to"),
        ('{"prompt": "x", "at_s": 0.5}', r"line 2: at_s 0.5 is before that of a line above"),
    ],
)
def test_a_bad_line_is_told_with_its_number(tmp_path, entry, told):
    """Before anything is sent, and in one line."""
    file = written(tmp_path / "my.jsonl", json.dumps(LINES[0]) + "\n" + entry + "\n")
    with pytest.raises(UserError, match=told) as error:
        compose(None, ["workload.batches=1", "workload.batch_size=1", f"workload.file='{file}'"])
    assert "\n" not in str(error.value)


def test_a_file_without_a_line_is_told(tmp_path):
    """It would be a workload of nothing."""
    with pytest.raises(UserError, match="is empty"):
        Workload(batches=1, batch_size=1, file=written(tmp_path / "my.jsonl", "\n")).check()


def test_lines_without_times_are_no_trace(tmp_path):
    """Which of them says so."""
    file = lines(tmp_path / "my.jsonl", [{"prompt": "x"}])
    with pytest.raises(UserError, match=r"request 1 has no at_s"):
        Workload(arrivals=Replay(file=file)).check()


def test_lines_are_not_held(tmp_path):
    """Of 20,000 lines of a thousand letters far less than a tenth is kept."""
    import tracemalloc

    file = lines(tmp_path / "my.jsonl", [{"prompt": "x" * 1000}] * 20_000)
    tracemalloc.start()
    workload = Workload(batches=200, batch_size=100, file=file)
    assert workload.requests[19_999].messages[0]["content"] == "x" * 1000
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 2_000_000


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["workload.arrivals={kind: poisson, rate: 0}"], r"workload\.arrivals\.rate: should be greater than 0"),
        (["workload.arrivals={kind: constant, rate: -1}"], r"workload\.arrivals\.rate: should be greater than 0"),
        (["workload.arrivals={kind: poison, rate: 1}"], r"no such arrivals 'poison'; did you mean 'poisson'\?"),
        (["workload.arrivals={kind: poisson, rat: 1}"], r"workload\.arrivals\.(rat|rate)"),
        (["workload.duration_s=10"], "duration_s needs arrivals"),
        (["workload.repeat=true"], "repeat needs file"),
        (["workload=poisson", "strategy.dispatch=gather"], "dispatch=gather awaits batches"),
        (["workload=poisson", "matrix.dispatch=[open,gather]"], "dispatch=gather awaits batches"),
        (["strategy.dispatch=open"], r"dispatch=open needs workload\.arrivals"),
        (["workload=poisson", "matrix.batch_size=[10]"], "matrix.batch_size has no effect"),
        (["workload=poisson", "strategy.stagger_s=5"], "stagger_s spreads the starts"),
        (["matrix.rate=[1,2]"], "matrix.rate needs arrivals that have"),
        (["workload=poisson", "matrix.rate=[0]"], r"matrix\.rate: should be greater than 0"),
        (["workload.warmup=5"], r"workload\.warmup needs a client that lasts"),
        (
            ["workload=poisson", "workload.duration_s=5", "workload.batch_size=3"],
            "'workload.batch_size=3' has no effect",
        ),
    ],
)
def test_settings_that_exclude_each_other_are_told(words, told):
    """In one line, with what to do."""
    with pytest.raises(UserError, match=told) as error:
        compose(None, words)
    assert "\n" not in str(error.value)


def test_the_axis_rate_changes_the_rate_alone():
    """The same requests, and for each strategy a reference at its own rate."""
    found = compose(None, ["workload=poisson", "matrix.strategy=[restart_2,adaptive]", "matrix.rate=[1,5]"]).cells
    assert [cell.name for cell in found][:2] == ["restart_2,rate=1", "restart_2,rate=5"]
    assert [cell.workload.arrivals for cell in found] == [Poisson(rate=1), Poisson(rate=5)] * 2
    assert {cell.strategy.dispatch for cell in found} == {"open"}
    assert {cell.batch_size for cell in found} == {1000}


@pytest.mark.parametrize(("name", "reason"), [(".", "Is a directory"), ("no.jsonl", "No such file or directory")])
def test_what_is_no_file_of_requests_is_one_line(tmp_path, monkeypatch, name, reason):
    """A folder can be opened, and not read."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=rf"cannot read {name} \({reason}\); workload\.file is a file of JSON lines"):
        compose(None, [f"workload.file={name}"])

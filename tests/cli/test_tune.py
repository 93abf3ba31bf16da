"""`harness tune` as it is typed."""

import json
from pathlib import Path

import pytest

SMALL = ["workload.batches=4", "workload.batch_size=50", "report=false"]


def test_a_recorded_run_recommends_a_strategy_that_can_be_run(harness):
    """From the run to the sentence, the files, and a run with what was recommended."""
    assert harness("run", "strategy=article_none", "out=run", *SMALL)[0] == 0
    code, out, err = harness("tune", "run", "--batch-size", "50")
    assert code == 0
    assert "all 50 of a batch are answered after" in out.splitlines()[0]
    assert "best restart" in out
    name = json.loads(Path("run/tune/tune.json").read_text())["recommended"]["strategy"]["name"]
    assert f"cp run/tune/{name}.yaml conf/strategy/" in err
    Path("conf/strategy").mkdir(parents=True)
    Path(f"conf/strategy/{name}.yaml").write_bytes(Path(f"run/tune/{name}.yaml").read_bytes())
    assert harness("run", f"strategy={name}", "out=again", *SMALL)[0] == 0


def test_the_advice_can_be_had_as_json(harness):
    """Nothing else on stdout."""
    harness("run", "strategy=article_none", "out=run", *SMALL)
    code, out, _ = harness("tune", "run", "--json", "--out", "elsewhere")
    found = json.loads(out)
    assert (code, found["batch_size"], found["most_load"]) == (0, 100, 1.05)
    assert found == json.loads(Path("elsewhere/tune.json").read_text())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["tune", "nowhere"], "there is no nowhere"),
        (["tune"], "the following arguments are required"),
        (["tune", "x", "--load", "0.9"], "must be 1 or more"),
        (["tune", "x", "--batch-size", "0"], "must be a whole number of 1 or more"),
    ],
)
def test_mistakes_exit_with_2(harness, words, message):
    """And say what to do."""
    code, _, err = harness(*words)
    assert code == 2
    assert message in err
    assert "Traceback" not in err


def test_what_to_try_is_tried_on_what_was_recorded(harness):
    """Not on the server of the article; and a folder with a space in its name can be pasted."""
    harness("run", "strategy=article_none", "trials=3", "workload.batches=2", "report=false", "out=my run")
    _, _, err = harness("tune", "my run")
    assert "cp 'my run/tune/tuned_hedge.yaml' conf/strategy/" in err
    assert "profile=recorded 'profile.recording.file=my run'" in err

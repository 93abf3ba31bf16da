"""Strategies by name, for whoever is not the command line."""

import subprocess
import sys

import pytest

from harness.errors import UserError
from harness.presets import members, played_strategy, strategy_named
from harness.strategies import Played, Sdk
from harness.strategies.hedges import Hedge


@pytest.mark.parametrize("name", sorted(members("strategy")))
def test_every_packaged_strategy_has_a_name(name):
    """And is called what its file is called."""
    assert strategy_named(name).name == name


def test_an_unknown_name_gets_the_nearest_one():
    """Not a list of all of them."""
    with pytest.raises(UserError, match=r"^no strategy named 'hegde_2'; did you mean 'hedge_2'\?$"):
        strategy_named("hegde_2")


def test_ones_own_strategies_are_found(tmp_path, monkeypatch):
    """In `conf/strategy` of the current directory."""
    (tmp_path / "conf/strategy").mkdir(parents=True)
    (tmp_path / "conf/strategy/mine.yaml").write_text("{kind: hedge, name: mine, delay: 3}")
    monkeypatch.chdir(tmp_path)
    assert strategy_named("mine") == Hedge("mine", delay=3.0)


def test_what_is_wrong_in_a_file_is_said_in_one_line(tmp_path, monkeypatch):
    """With the strategy and the key."""
    (tmp_path / "conf/strategy").mkdir(parents=True)
    (tmp_path / "conf/strategy/mine.yaml").write_text("{kind: hedge, name: mine, dealy: 3}")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"^unknown key 'strategy mine\.dealy'; did you mean 'delay'\?$"):
        strategy_named("mine")


def test_what_the_sdk_plays_itself_is_refused():
    """Wherever the harness has to play."""
    with pytest.raises(UserError, match=r"^strategy 'article_10' is played by the SDK itself; "):
        played_strategy("article_10")
    with pytest.raises(UserError, match=r"^strategy 's' is played by the SDK itself; "):
        played_strategy(Sdk("s"))


def test_an_object_is_taken_as_it_is():
    """Names are for what is in files."""
    mine = Hedge("mine", delay=3.0)
    assert played_strategy(mine) is mine
    assert isinstance(played_strategy("hedge_2"), Played)


def test_names_cost_no_hydra():
    """Whoever imports one strategy does not wait for a composer of configurations."""
    script = "import sys, harness.presets; print('hydra' in sys.modules, 'pandas' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["False", "False"]

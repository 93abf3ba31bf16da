"""A strategy is settings and arithmetic."""

import math

import pytest
import yaml
from openai._constants import DEFAULT_CONNECTION_LIMITS
from pydantic import TypeAdapter, ValidationError

from harness.config.files import members
from harness.strategies import Sdk

ADAPTER = TypeAdapter(Sdk)


def packaged(name: str) -> Sdk:
    return ADAPTER.validate_python(yaml.safe_load(members("strategy")[name].read_text()))


@pytest.mark.parametrize(
    ("name", "arguments", "attempts"),
    [
        ("article_none", {}, 18),
        ("article_10", {"stream": True, "timeout": 10.0}, 18),
        ("article_20", {"stream": True, "timeout": 20.0}, 18),
        ("sdk_default", {}, 3),
    ],
)
def test_packaged_strategies_are_as_published(name, arguments, attempts):
    """What the SDK is called with, and how often a request can be tried: 6 x 3 in the article, 3 in the SDK."""
    strategy = packaged(name)
    assert (strategy.name, strategy.call_arguments(), strategy.http_attempts_at_most) == (name, arguments, attempts)


def test_the_pool_is_the_sdks():
    """Its own limit where nothing is said, none with auto."""
    assert Sdk("s").connections == DEFAULT_CONNECTION_LIMITS.max_connections
    assert Sdk("s", max_connections=7).connections == 7
    assert Sdk("s", max_connections="auto").connections == math.inf


def test_null_leaves_the_timeout_out_and_off_passes_none():
    """The two mean different things to the SDK: 600 s, or for ever."""
    assert "timeout" not in Sdk("s", timeout=None).call_arguments()
    assert Sdk("s", timeout="off").call_arguments() == {"timeout": None}


def test_yaml_reads_off_as_false_and_is_understood():
    """`timeout: off` in a file means what it means on the command line."""
    assert ADAPTER.validate_python({"name": "s", **yaml.safe_load("timeout: off")}).timeout == "off"


def test_scaling_counts_the_default_as_600_s():
    """Half of the SDK's default is 300 s; no timeout stays none."""
    assert [Sdk("s", timeout=t).scaled(0.5).timeout for t in (10, None, "off")] == [5, 300, "off"]


def test_scaling_by_one_leaves_the_argument_out():
    """The article's call without a timeout stays exactly that."""
    assert Sdk("s").scaled(1).call_arguments() == {}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"timeout": "none"}, "write null to leave the argument out"),
        ({"timeout": -5}, "greater than 0"),
        ({"timeout": 0}, "greater than 0"),
        ({"timeout": True}, "a number of seconds, null or off"),
        ({"max_retries": -1}, "greater than or equal to 0"),
        ({"tenacity_attempts": 0}, "greater than or equal to 1"),
        ({"stream": "yes"}, "boolean"),
        ({"dispatch": "swarm"}, "gather"),
        ({"tiemout": 5}, "tiemout"),
    ],
)
def test_impossible_strategies_are_refused(change, complaint):
    """Nothing is sent with settings that make no sense."""
    with pytest.raises(ValidationError, match=complaint):
        ADAPTER.validate_python({"name": "s", **change})

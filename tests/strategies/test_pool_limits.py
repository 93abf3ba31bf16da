"""What a strategy changes of the client's pool."""

import pytest

from harness.config import compose


@pytest.mark.parametrize(
    ("value", "pool"),
    [
        ("null", {}),
        ("7", {"max_connections": 7}),
        ("auto", {"max_connections": None, "max_keepalive_connections": None}),
    ],
)
def test_limits_of_the_pool(value, pool):
    """The SDK's own, a number, or as many as it takes, all of which are kept."""
    (cell,) = compose(None, [f"strategy.max_connections={value}"]).cells
    assert cell.strategy.pool == pool


def test_a_shard_has_its_part_of_a_number_alone():
    """As many as it takes stays as many as it takes."""
    (cell,) = compose(None, ["strategy.max_connections=auto"]).cells
    assert cell.strategy.shared(0, 4).pool == cell.strategy.pool

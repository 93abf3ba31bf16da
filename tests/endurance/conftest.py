"""The command as a user calls it, see tests/cli."""

import pytest

from tests.cli.conftest import _somewhere_else, harness  # noqa: F401 - fixtures
from tests.endurance.commands import end_all


@pytest.fixture(autouse=True)
def _nothing_is_left_running():
    yield
    end_all()

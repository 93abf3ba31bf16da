"""The command as a user calls it, see tests/cli."""

from tests.cli.conftest import _somewhere_else, harness  # noqa: F401 - fixtures

"""What holds for all tests of the client."""

import pytest


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    """A proxy of this machine is not on the network in memory."""
    monkeypatch.setenv("NO_PROXY", "*")

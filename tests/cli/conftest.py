"""The command, called as a user calls it: somewhere else, without a key."""

from pathlib import Path

import pytest

from harness.cli import main


@pytest.fixture(autouse=True)
def _somewhere_else(tmp_path: Path, monkeypatch):
    """Users run it anywhere, without a key and behind a proxy that must not matter."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def harness(capsys):
    """Run the command; gives exit code, standard output and standard error."""

    def called(*words: str) -> tuple[int, str, str]:
        try:
            code = main(words)
        except SystemExit as error:
            code = int(error.code or 0)
        return code, *capsys.readouterr()

    return called

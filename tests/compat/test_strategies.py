"""Programs of other libraries whose requests are played under a strategy: all that they need is another HTTP client.

pytest tests/compat -m compat
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from harness.mock.server import ServerProcess
from harness.profiles import Profile
from tests import environments
from tests.compat.test_clients import read

pytestmark = pytest.mark.compat

CLIENTS = Path(__file__).parent / "clients"
ROOT = Path(__file__).parents[2]
HANGING = Profile.from_dict(
    {
        "name": "hanging",
        "output_tokens": 16,
        "faults": [{"kind": "hang_before_headers", "probability": 1, "first_attempts": 1}],
    }
)


@pytest.mark.parametrize(
    ("name", "requirement"), [("langchain", "langchain-openai"), ("pydantic_ai", "pydantic-ai-slim[openai]")]
)
def test_a_library_is_rescued_by_its_http_client(name, requirement):
    """Plain and streamed: the attempt that hangs is given up, the next one answers, and the program knows nothing."""
    program = environments.python(f"{name}-strategy", requirement, "-e", str(ROOT)) / "python"
    free = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
    with ServerProcess(HANGING) as server:
        command = [str(program), str(CLIENTS / f"{name}_strategy.py"), server.base_url]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120, env=free)
        assert done.returncode == 0, done.stderr[-3000:]
        log = [json.loads(line) for line in read(f"{server.base_url.removesuffix('/v1')}/_harness/log").splitlines()]
    found = json.loads(done.stdout.splitlines()[-1])
    assert len(found["plain"].split()) == 16
    assert len("".join(found["pieces"]).split()) == 16
    assert len(found["pieces"]) > 8
    attempts = [(line["request"], line["attempt"], line["stream"], line["disconnected_s"] is None) for line in log]
    assert attempts == [
        ("plain", 1, False, False),
        ("plain", 2, False, True),
        ("streamed", 1, True, False),
        ("streamed", 2, True, True),
    ]

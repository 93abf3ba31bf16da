"""docs/client.md shows code that runs."""

import re
import subprocess
import sys
from pathlib import Path

from harness.mock.server import ServerProcess
from harness.profiles import Profile

ROOT = Path(__file__).parents[2]


def test_the_first_example_runs_as_written():
    """In a process of its own, against the server that the SDK's environment variables name."""
    (code,) = re.findall(r"^```python\n(.*?)^```$", (ROOT / "docs/client.md").read_text(), re.MULTILINE | re.DOTALL)
    with ServerProcess(Profile.from_dict({"name": "three", "output_tokens": 3})) as server:
        variables = {
            "OPENAI_BASE_URL": server.base_url,
            "OPENAI_API_KEY": "any",
            "NO_PROXY": "*",
            "PYTHONPATH": str(ROOT),
        }
        done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, env=variables)
    assert (done.returncode, len(done.stdout.split())) == (0, 3), done.stderr

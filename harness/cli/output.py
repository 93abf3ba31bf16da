"""Where the command speaks: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import sys
from typing import Any


def say(text: str) -> None:
    """Print a result on stdout."""
    print(text)  # noqa: T201 - the command's own output


def say_json(value: Any) -> None:
    """Print a result on stdout as JSON."""
    say(json.dumps(value, indent=1, sort_keys=True))


def tell(text: str) -> None:
    """Print progress or advice on stderr."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - the command's own output

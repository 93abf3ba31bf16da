"""`python -m harness` is the `harness` command."""

import sys

from harness.cli import entry

if __name__ == "__main__":
    sys.exit(entry())

"""Completion in the shell: experiments, keys and values, read from the settings themselves.

argcomplete and shtab do this for argparse, and neither is used. Almost all that is worth completing here is
`key=value`, brackets included, of which argparse knows nothing: what would be left to a library is three scripts of
fifteen lines. shtab writes its words into the script, so that it would never know of the user's own ./conf.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["answer"]


def answer(words: Sequence[str]) -> int:
    """Print the candidates for the last of the words, one a line, each with a tab and a line about it; 0, always.

    The words are those behind `harness`; the last one is being typed and may be empty. Whatever goes wrong is silent:
    it would land in the line that somebody is typing.
    """
    try:
        from harness.cli.complete.candidates import candidates
        from harness.cli.complete.names import known

        found = candidates(words or [""], known())
        sys.stdout.write("".join(f"{one.text}\t{one.about}\n" for one in found))
    except Exception:
        return 0
    return 0

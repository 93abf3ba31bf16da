"""The files that a document has its reader write.

Three ways of saying so are understood: a block of YAML whose first line is a comment with its path; a block of Python,
JSON lines or CSV near "Saved as `my_chart.py`"; and in running text "With `kind: mine` and `probability: 1` in
`conf/fault/mine.yaml`".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_PATH = r"[\w./-]+\.(?:yaml|py|csv|jsonl?)"
#: The language of a block that is saved in a file.
_LANGUAGES = {"py": "python", "jsonl": "json", "csv": "csv"}


def files_of(text: str, blocks: Sequence[tuple[int, str, str]]) -> Mapping[str, str]:
    """Their texts by path; `blocks` are (line, language, text)."""
    found = {}
    for _, _, block in blocks:
        first = re.match(rf"# ({_PATH})\n", block)
        if first:
            found[first[1]] = block
    for match in re.finditer(rf"[Ss]aved\s+as\s+`({_PATH})`", text):
        line = text.count("\n", 0, match.start()) + 1
        language = _LANGUAGES.get(match[1].rpartition(".")[2])
        there = [(at, block) for at, kind, block in blocks if kind == language]
        if there:
            found[match[1]] = min(there, key=lambda block: abs(block[0] - line))[1]
    for match in re.finditer(rf"With\s+((?:`\w+: [^`]+`[\s,]*(?:and\s+)?)+)in\s+`({_PATH})`", text):
        found[match[2]] = "".join(f"{setting}\n" for setting in re.findall(r"`([^`]+)`", match[1]))
    return found

"""What a check finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Finding:
    """What one check found, and what to do about it; an `ok` needs no advice."""

    name: str
    status: Status
    finding: str
    advice: str = ""


#: Looks at one thing and judges it; what is looked at is gathered apart from the judgement, which tests call.
Check = Callable[[], Finding]

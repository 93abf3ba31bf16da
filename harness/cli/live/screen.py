"""Where and when the view is shown."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from harness.cli.live.text import Glyphs


@dataclass(frozen=True)
class Screen:
    """Size of the view in columns and lines, the watcher's time `now` in seconds, and the time of day."""

    width: int
    height: int
    now: float
    today: datetime
    glyphs: Glyphs = field(default_factory=Glyphs)

    def narrowed(self, width: int) -> Screen:
        """A part of it, so many columns wide."""
        return replace(self, width=width)

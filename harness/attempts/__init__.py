"""Requests under way: played attempt by attempt as a strategy says, and recorded."""

from harness.attempts.chat import as_sdk_error, chat_player
from harness.attempts.play import Play
from harness.attempts.player import AttemptError, GivenUpError, Live, Player
from harness.attempts.published import complete, log_retry

__all__ = [
    "AttemptError",
    "GivenUpError",
    "Live",
    "Play",
    "Player",
    "as_sdk_error",
    "chat_player",
    "complete",
    "log_retry",
]

"""From recorded attempts to the timeout and the hedge that they argue for, with how far to trust them."""

from harness.tune.advice import Advice, Choice, advise
from harness.tune.files import write_advice
from harness.tune.recording import Recording, recording_of
from harness.tune.text import advice_text

__all__ = ["Advice", "Choice", "Recording", "advice_text", "advise", "recording_of", "write_advice"]

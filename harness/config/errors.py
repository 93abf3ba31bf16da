"""Turn what Hydra, YAML and pydantic say into one line that a user can act on."""

from harness.errors import did_you_mean
from harness.validation import validation_error

__all__ = ["did_you_mean", "validation_error"]

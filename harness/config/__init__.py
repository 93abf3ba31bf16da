"""Settings: composed by Hydra, checked by pydantic, and turned into objects in one place."""

from harness.config.build import compose
from harness.config.matrix import axes_of, expand
from harness.config.schema import CLUSTERS, Cell, Experiment
from harness.config.serve import ServeSettings, serve_settings
from harness.config.words import combinations

__all__ = [
    "CLUSTERS",
    "Cell",
    "Experiment",
    "ServeSettings",
    "axes_of",
    "combinations",
    "compose",
    "expand",
    "serve_settings",
]

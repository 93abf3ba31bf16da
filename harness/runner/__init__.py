"""Play an experiment: trials outside, cells inside, every finished request on disk at once."""

from harness.runner.core import cluster_of, engine_of, processes_of_a_trial, run, workers
from harness.runner.folder import open_folder
from harness.runner.listener import Listener, Silent
from harness.runner.open_files import check_open_files
from harness.runner.precision import run_until_precise
from harness.runner.result import RunResult
from harness.runner.targets import check_target

__all__ = [
    "Listener",
    "RunResult",
    "Silent",
    "check_open_files",
    "check_target",
    "cluster_of",
    "engine_of",
    "open_folder",
    "processes_of_a_trial",
    "run",
    "run_until_precise",
    "workers",
]

"""A real Dask cluster of two workers plays what one process would, whatever happens to one of them."""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path

import pytest

from tests.engines.commands import SMALL, Group, finished, free_port, harness, listens, records, wait_until, with_kinds

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("dask")]
pytest.importorskip("distributed", reason="needs the extra `dask`: pip install -e '.[dask]'")

#: What a worker would find if the code that it plays were not sent.
DECOY = "raise ImportError('this is not the harness that was sent')\n"
#: A scheduler that says what one of another release would.
FOREIGN = """
import distributed.versions
from distributed.cli.dask_scheduler import main

real = distributed.versions.get_package_info
distributed.versions.get_package_info = lambda packages: {**real(packages), "distributed": "2024.1.0"}
main()
"""


class TwoWorkers:
    """A scheduler and two workers of one thread each, on this machine."""

    def __init__(self, folder: Path) -> None:
        decoy = folder / "decoy" / "harness"
        decoy.mkdir(parents=True)
        (decoy / "__init__.py").write_text(DECOY)
        self._folder = folder
        self._env = {"PYTHONPATH": str(decoy.parent)}
        self.address = f"127.0.0.1:{free_port()}"
        self._all: list[Group] = []
        try:
            self._start("scheduler", "-m", "distributed.cli.dask_scheduler", *_scheduler(self.address))
            wait_until(lambda: listens(*_pair(self.address)))
            worker = ("-m", "distributed.cli.dask_worker", self.address, "--no-nanny", "--nthreads=1", "--no-dashboard")
            self.first = self._start("first", *worker, f"--local-directory={folder}")
            self.second = self._start("second", *worker, f"--local-directory={folder}")
            wait_until(lambda: self.workers() == 2)
        except BaseException:
            self.end()
            raise

    def _start(self, name: str, *words: str) -> Group:
        group = Group([sys.executable, *words], self._folder / f"{name}.log", self._env)
        self._all.append(group)
        return group

    def workers(self) -> int:
        from distributed import Client

        with Client(self.address, timeout=60, set_as_default=False) as client:
            return len(client.ncores())

    def end(self) -> None:
        for group in self._all:
            group.kill()


def _scheduler(address: str) -> tuple[str, ...]:
    host, port = _pair(address)
    return f"--host={host}", f"--port={port}", "--no-dashboard"


def _pair(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    workers = TwoWorkers(tmp_path_factory.mktemp("dask"))
    yield workers
    workers.end()


@pytest.fixture
def run(tmp_path, cluster):
    """Start the command with the cluster as its engine."""

    def started(*words: str, **settings):
        return harness(*SMALL, "engine=dask", f"cluster.address={cluster.address}", *words, cwd=tmp_path, **settings)

    return started


def test_kinds_of_ones_own_are_played_where_nobody_has_their_module(run, tmp_path):
    """And one that kills whoever plays it, wherever it is tried, ends the run with what was finished."""
    program = with_kinds(tmp_path)
    words = ("article", "matrix={strategy: [gentle, deadly]}", "reference=null", "out=out")
    code, _, err = finished(run(*words, program=program))
    assert code == 3, err
    assert "4 workers died while trial 0 of deadly was played (exit code 9); what was finished is kept" in err
    assert "Traceback" not in err
    cells = [json.loads(line)["cell"] for line in records(tmp_path / "out").splitlines()]
    assert cells == ["gentle"] * 20


def test_a_worker_that_is_killed_changes_no_record(run, cluster, tmp_path):
    """Both play; one is killed in the middle; the records are those of one process, and the other lives on."""
    words = ("article", "trials=10")
    local = harness(*SMALL, "engine=local", *words, "out=local", cwd=tmp_path)
    process = run(*words, "cluster.workers=3", "out=out")
    wait_until(lambda: records(tmp_path / "out"), process)
    cluster.second.kill()
    at_the_kill = len(records(tmp_path / "out").splitlines())
    code, _, err = finished(process)
    assert code == 0, err
    assert f"cluster.workers=3, but the Dask cluster at {cluster.address} has 2 free: going on with 2" in err
    assert finished(local)[0] == 0
    assert 0 < at_the_kill < 600
    assert records(tmp_path / "out") == records(tmp_path / "local")
    assert cluster.workers() == 1


def test_a_local_cluster_comes_and_goes_with_the_run(tmp_path):
    """Nothing has to be there before."""
    words = (*SMALL, "article", "trials=2")
    local = finished(harness(*words, "engine=local", "out=local", cwd=tmp_path))
    code, _, err = finished(harness(*words, "engine=dask", "cluster.workers=2", "out=out", cwd=tmp_path))
    assert (code, local[0]) == (0, 0), err
    assert records(tmp_path / "out") == records(tmp_path / "local") != ""


def test_a_foreign_version_is_one_line(tmp_path):
    """The scheduler says another one, as one of another release would."""
    address = f"127.0.0.1:{free_port()}"
    scheduler = Group([sys.executable, "-c", FOREIGN, *_scheduler(address)], tmp_path / "foreign.log", {})
    try:
        wait_until(lambda: listens(*_pair(address)))
        words = (*SMALL, "article", "engine=dask", f"cluster.address={address}", "out=out")
        code, out, err = finished(harness(*words, cwd=tmp_path))
    finally:
        scheduler.kill()
    assert (code, out) == (2, "")
    assert "runs distributed 2024.1.0, this command distributed" in err
    assert err.count("\n") == 1


def test_another_service_at_the_address_is_one_line(tmp_path):
    """One that takes the connection and says nothing is given up after a few seconds."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        words = (*SMALL, "article", "engine=dask", f"cluster.address={address}", "out=out")
        code, out, err = finished(harness(*words, cwd=tmp_path))
    assert (code, out) == (2, "")
    assert err.startswith(f"error: what listens at {address} is not a Dask scheduler")
    assert err.count("\n") == 1

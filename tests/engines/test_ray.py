"""A real Ray cluster of two nodes plays what one process would, whatever happens to a node, and is left as it was."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.mock.server import ServerProcess
from harness.profiles import Profile
from tests.engines.commands import SMALL, Group, finished, free_port, harness, listens, records, wait_until, with_kinds

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ray")]
pytest.importorskip("ray", reason="needs the extra `ray`: pip install -e '.[ray]'")

TOKEN = "7" * 64
#: What a node would find if the code that it plays were not sent.
DECOY = "raise ImportError('this is not the harness that was sent')\n"


class TwoNodes:
    """A head and another node, of one CPU each, on this machine."""

    def __init__(self, folder: Path) -> None:
        from ray.util import get_node_ip_address

        decoy = folder / "decoy" / "harness"
        decoy.mkdir(parents=True)
        (decoy / "__init__.py").write_text(DECOY)
        self._folder = folder
        self._env = {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": TOKEN,
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_health_check_initial_delay_ms": "500",
            "RAY_health_check_period_ms": "500",
            "RAY_health_check_failure_threshold": "3",
            "PYTHONPATH": str(decoy.parent),
        }
        self.host, self.port = get_node_ip_address(), free_port()
        self.address = f"{self.host}:{self.port}"
        self.head = self._started("head", "--head", f"--port={self.port}", "--include-dashboard=false")
        try:
            wait_until(lambda: listens(self.host, self.port))
            self.second = self._started("second", f"--address={self.address}")
            wait_until(lambda: self.cpus() == 2)
        except BaseException:
            self.end()
            raise

    def _started(self, name: str, *words: str) -> Group:
        # Paths of sockets must be short.
        place = [f"--temp-dir=/tmp/rh{self.port}"] if "--head" in words else []
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--num-cpus=1", *place, *words]
        return Group(command, self._folder / f"{name}.log", self._env)

    def ask(self, expression: str) -> object:
        """What the head says to a client of its own."""
        code = (
            "import json, sys; from ray._raylet import GcsClient; client = GcsClient(address=sys.argv[1]); "
            f"print(json.dumps({expression}))"
        )
        found = subprocess.run(
            [sys.executable, "-c", code, self.address],
            env={**os.environ, **self._env},
            capture_output=True,
            text=True,
            check=False,
        )
        return json.loads(found.stdout) if found.returncode == 0 else None

    def cpus(self) -> object:
        return self.ask(
            "sum(n.resources_total.get('CPU', 0) for n in client.get_all_node_info(timeout=5).values() if n.state == 0)"
        )

    def revive(self) -> None:
        """Start the other node again, where a test has killed it."""
        if not self.second.is_alive:
            wait_until(lambda: self.cpus() == 1)
            self.second = self._started("second", f"--address={self.address}")
            wait_until(lambda: self.cpus() == 2)

    def files(self) -> bytes:
        """All that the cluster has written."""
        return b"".join(path.read_bytes() for path in Path(f"/tmp/rh{self.port}").rglob("*") if path.is_file())

    def end(self) -> None:
        self.second.kill()
        self.head.kill()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    nodes = TwoNodes(tmp_path_factory.mktemp("ray"))
    yield nodes
    nodes.end()


@pytest.fixture
def run(tmp_path, cluster):
    """Start the command with the cluster as its engine."""
    cluster.revive()

    def started(*words: str, token: str | None = TOKEN, **settings):
        env = ({"RAY_AUTH_TOKEN": token} if token else {}) | settings.pop("env", {})
        address = f"cluster.address={cluster.address}"
        return harness(*SMALL, "engine=ray", address, *words, cwd=tmp_path, env=env, **settings)

    return started


def test_a_missing_or_wrong_token_is_one_line(run):
    """It says which, and where a token is set; no token is repeated."""
    for token, how in ((None, "missing"), ("8" * 64, "wrong")):
        code, out, err = finished(run("article", "out=out", token=token))
        assert (code, out) == (2, "")
        assert err.startswith("error: the Ray cluster at ")
        assert err.endswith(f" wants a token, which is {how}; set RAY_AUTH_TOKEN to it\n")
        assert err.count("\n") == 1


def test_kinds_of_ones_own_are_played_where_nobody_has_their_module(run, tmp_path):
    """And a worker that dies of one, wherever it is tried, ends the run with what was finished."""
    program = with_kinds(tmp_path)
    words = ("article", "matrix={strategy: [gentle, deadly]}", "reference=null", "out=out")
    code, _, err = finished(run(*words, program=program))
    assert code == 3, err
    assert "workers died while trial 0 of deadly was played" in err
    assert "Traceback" not in err
    cells = [json.loads(line)["cell"] for line in records(tmp_path / "out").splitlines()]
    assert cells == ["gentle"] * 20
    assert TOKEN not in "".join(path.read_text() for path in (tmp_path / "out").glob("*.[jy]*"))


def test_a_foreign_version_is_one_line(run, cluster):
    """The head is made to say another one, as a head of another release would."""
    key = "b'CLUSTER_METADATA', {!r}, True, namespace=b'cluster', timeout=5"
    real = cluster.ask("client.internal_kv_get(b'CLUSTER_METADATA', namespace=b'cluster', timeout=5).decode()")
    other = json.dumps(json.loads(real) | {"ray_version": "2.9.3"})
    cluster.ask(f"client.internal_kv_put({key.format(other.encode())})")
    try:
        code, out, err = finished(run("article", "out=out"))
    finally:
        cluster.ask(f"client.internal_kv_put({key.format(real.encode())})")
    assert (code, out) == (2, "")
    assert "runs Ray 2.9.3, this command Ray" in err
    assert err.count("\n") == 1


def test_a_node_that_is_killed_changes_no_record(run, cluster, tmp_path):
    """Both nodes play; one is killed in the middle; the records are those of one process, and the head lives on."""
    words = ("article", "trials=10")
    local = harness(*SMALL, "engine=local", *words, "out=local", cwd=tmp_path)
    process = run(*words, "cluster.workers=3", "out=out")
    wait_until(lambda: records(tmp_path / "out"), process)
    cluster.second.kill()
    at_the_kill = len(records(tmp_path / "out").splitlines())
    code, _, err = finished(process)
    assert code == 0, err
    assert f"cluster.workers=3, but the Ray cluster at {cluster.address} has 2 free: going on with 2" in err
    assert finished(local)[0] == 0
    assert 0 < at_the_kill < 600
    assert records(tmp_path / "out") == records(tmp_path / "local")
    wait_until(lambda: cluster.cpus() == 1)


def real(requests: int) -> list[str]:
    """Words for one trial of a window of eight in real time."""
    window = ["strategy=sdk_default", "strategy.dispatch=window", "strategy.in_flight=8"]
    return [*window, "workload.batches=1", f"workload.batch_size={requests}", "trials=1", "clock=real", "out=out"]


@pytest.fixture
def server():
    """A mock in a process of its own, which answers after 0.2 s."""
    with ServerProcess(Profile.from_dict({"name": "p", "first_content": {"kind": "constant", "value": 0.2}})) as one:
        yield one


def test_in_real_time_the_nodes_play_one_trial_together(run, cluster, server, tmp_path):
    """From one instant on; what is needed to ask an API reaches them, and no file of theirs has it."""
    key = "sk-of-the-test-" + "5" * 20
    words = ["target=openai", f"target.base_url={server.base_url}", "workload.max_tokens=5", "budget.max_requests=500"]
    code, _, err = finished(run(*words, *real(80), env={"OPENAI_API_KEY": key}))
    assert code == 0, err
    found = [json.loads(line) for line in records(tmp_path / "out").splitlines()]
    assert sorted(one["request"] for one in found) == list(range(80))
    assert {one["outcome"] for one in found} == {"ok"}
    assert sorted(one["request"] for one in found if one["start_s"] < 0.1) == list(range(8))
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["played_by"]["workers"] == 2
    assert [*manifest["played_by"]["shards"].values()] == [2]
    (cell,) = json.loads((tmp_path / "out" / "summary.json").read_text())["cells"]
    assert cell["in_flight"] == {"wanted": 8, "most": 8}
    written = cluster.files()
    # The names of actors are in its logs: what is looked through are the right files.
    assert b"_Performer" in written
    assert key.encode() not in written


def test_in_real_time_more_shards_than_workers_are_refused(run, server, tmp_path):
    """They could not begin at one instant."""
    code, _, err = finished(run(f"target.base_url={server.base_url}", "shards=3", *real(80)))
    assert code == 2
    assert "error: shards=3 with clock=real needs as many workers at once, and the Ray cluster at " in err
    assert records(tmp_path / "out") == ""


def test_a_node_that_is_killed_in_real_time_loses_nothing(run, cluster, server, tmp_path):
    """What it had not told is played again by another, once there is room for one."""
    process = run(f"target.base_url={server.base_url}", *real(400))
    wait_until(lambda: len(records(tmp_path / "out").splitlines()) > 40, process)
    cluster.second.kill()
    code, _, err = finished(process)
    assert code == 0, err
    found = [json.loads(line) for line in records(tmp_path / "out").splitlines()]
    assert sorted({one["request"] for one in found}) == list(range(400))
    assert {one["outcome"] for one in found} == {"ok"}


def test_a_local_cluster_comes_and_goes_with_the_run(tmp_path):
    """Nothing has to be there before, and nothing is left."""
    words = (*SMALL, "article", "trials=2")
    local = finished(harness(*words, "engine=local", "out=local", cwd=tmp_path))
    code, _, err = finished(harness(*words, "engine=ray", "cluster.workers=2", "out=out", cwd=tmp_path))
    assert (code, local[0]) == (0, 0), err
    assert records(tmp_path / "out") == records(tmp_path / "local") != ""

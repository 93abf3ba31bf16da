"""Ask the head of a Ray cluster who it is, in a process that can be ended when it does not answer.

`python -m harness.engines.ray_probe HOST:PORT` prints one JSON object: versions and nodes, or an `error`. Ray's own way
to join retries for minutes, and writes meanwhile.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from typing import Any

#: Seconds that the head may take to answer, once Ray is imported.
ANSWER_S = 2.5


def probe(address: str) -> dict[str, Any]:
    """What the cluster says of itself."""
    import ray
    from ray._private.services import canonicalize_bootstrap_address
    from ray._raylet import GcsClient
    from ray.exceptions import AuthenticationError

    # Ray joins a cluster of this machine through the machine's own address, whatever address was given.
    joined = canonicalize_bootstrap_address(address)
    try:
        host, _, port = joined.rpartition(":")
        socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_S / 2).close()
    except OSError:
        return {"error": "elsewhere", "joined": joined}
    try:
        client = GcsClient(address=joined)
        told = client.internal_kv_get(b"CLUSTER_METADATA", namespace=b"cluster", timeout=ANSWER_S)
        nodes = client.get_all_node_info(timeout=ANSWER_S).values()
    except AuthenticationError:
        return {"error": "token"}
    except Exception as error:
        return {"error": "other", "reason": str(error).splitlines()[0]}
    return {
        "versions": json.loads(told or b"{}"),
        "nodes": [node.node_manager_address for node in nodes if node.state == 0],
        "here": ray.util.get_node_ip_address(),
    }


def main() -> None:
    """Print the answer, or that there was none, and leave without waiting for what hangs."""
    import ray  # noqa: F401 - what takes long, before the time runs

    answers: list[dict[str, Any]] = []
    asking = threading.Thread(target=lambda: answers.append(probe(sys.argv[1])), daemon=True)
    asking.start()
    asking.join(ANSWER_S)
    sys.stdout.write(json.dumps(answers[0] if answers else {"error": "silent"}))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()

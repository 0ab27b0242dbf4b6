"""A Ray cluster on this machine, whose nodes are processes that can be killed."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from ray._private.internal_api import get_memory_info_reply, get_state_from_address
from ray._private.node import Node
from ray._raylet import GcsClient  # type: ignore[attr-defined]  # Ray leaves it out of its stub
from ray.cluster_utils import Cluster

_NODE = {"memory": 2_000_000_000, "object_store_memory": 80_000_000}  # bytes: one process that draws; the archive


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Yield a cluster of a node that draws nothing; others join it by `join`. It is gone after the block."""
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, **_NODE})
    try:
        yield made
    finally:
        made.shutdown()


def join(made: Cluster) -> Node:
    """Have a node join that draws with one core."""
    return made.add_node(wait=True, num_cpus=1, **_NODE)


def spared(made: Cluster, nodes: Iterable[Node]) -> Node:
    """Return one of `nodes` that no command belongs to.

    Ray picks a node of the command's machine, and Ray Data keeps its records on that of the cluster's first command:
    in a cluster of machines this is the head.
    """
    jobs = GcsClient(address=made.address).get_all_job_info().values()
    taken = {job.driver_address.node_id.hex() for job in jobs if not job.is_dead}
    return next(node for node in nodes if node.node_id not in taken)


def stored(made: Cluster) -> int:
    """Return the bytes that pass through Ray at this moment: what the object stores of all nodes hold."""
    stats = get_memory_info_reply(get_state_from_address(made.address)).store_stats
    return int(stats.object_store_bytes_used)

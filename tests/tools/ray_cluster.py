"""A Ray cluster on this machine, whose nodes are processes that can be killed."""

from collections.abc import Iterator
from contextlib import contextmanager

from ray._private.node import Node
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

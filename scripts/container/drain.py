"""Waits until TorchServe is asked nothing more: `python -m scripts.container.drain`, before it is told to end.

The proxy, which is told to finish at the same time, holds connections to TorchServe until all that came through it is
answered, what waits in TorchServe's queue as well. Kubernetes runs this as preStop hook, and bounds it by the pod's
terminationGracePeriodSeconds.
"""

import argparse
import sys
import time
from collections.abc import Collection, Sequence

import psutil

from scripts.serving.settings import Ports

SETTLING_SECONDS = 7.0  # for 5 of which requests come yet: preStop of nginx in deploy/kubernetes/base/deployment.yaml
AGAIN_SECONDS = 0.5


def main(argv: Sequence[str] | None = None) -> int:
    """Return 0 once nobody is connected."""
    ports = Ports.at(_parser().parse_args(argv).port_offset)
    time.sleep(SETTLING_SECONDS)
    while is_asked({ports.rest, ports.grpc}):
        time.sleep(AGAIN_SECONDS)
    return 0


def is_asked(ports: Collection[int]) -> bool:
    """Whether somebody is connected to one of `ports` of this host."""
    open_ones = [one.laddr for one in psutil.net_connections("tcp") if one.status == psutil.CONN_ESTABLISHED]
    return any(address and address.port in ports for address in open_ones)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="drain", description="Wait until TorchServe is asked nothing more.")
    help_text = "as the server was told; default: %(default)s"
    parser.add_argument("--port-offset", type=int, default=0, metavar="K", help=help_text)
    return parser


if __name__ == "__main__":
    sys.exit(main())

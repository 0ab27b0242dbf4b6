"""Two nodes behind HAProxy under load, for the model of a fleet: python -m tests.tools.fleet_load FOLDER.

Needs root, nginx and HAProxy (tests/tools/fetch_*.sh), and this machine for itself. Into FOLDER go what one node takes
for photos, unless it is there, and what became of a load on both, which are held against the model
(scripts/capacity.py).
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from portrait_client.arguments import ARCHIVE
from scripts import capacity
from scripts.serving.paths import PYTHON, ROOT
from tests.tools.fleet import LISTED, Node, balancing, two_nodes

PREDICT = "predictions/portrait"


def main(argv: Sequence[str] | None = None) -> int:
    """Status as `scripts.capacity --against` has it: 1 where a percentile is not near."""
    parser = argparse.ArgumentParser(prog="fleet_load", description=(__doc__ or "").split(":")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--times", default="0.5", help="of what both draw at most; default: %(default)s")
    parser.add_argument("--seconds", default="300", help="how long; default: %(default)s")
    given = parser.parse_args(argv)
    folder = given.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    one, both = folder / "one.json", folder / "both.json"
    with (
        tempfile.TemporaryDirectory(prefix="fleet-") as own,
        two_nodes(ARCHIVE, Path(own)) as (host, a, _),
    ):
        if not one.exists():
            _load(a, one, f"http://{a.host.address}:8000/{PREDICT}", "0.5", "20")
        with balancing(host, Path(own, "front"), {}) as front:
            for name in LISTED:
                front.wait_for(name, "UP")
            _load(a, both, f"http://{a.host.gateway}:8000/{PREDICT}", given.times, given.seconds)
    return capacity.main(["--times", str(one), "--against", str(both), "--nodes", "2"])


def _load(node: Node, into: Path, url: str, times: str, seconds: str) -> None:
    """Run scripts.loadtest from a node's host, where the server can be looked at."""
    usual = ["--hostile", "0", "--leaving", "0", "--find-seconds", "60"]
    at = ["--url", url, "--folder", str(node.server.run.folder), "--json", str(into)]
    command = [str(PYTHON), "-m", "scripts.loadtest", "--times", times, "--seconds", seconds, *usual, *at]
    subprocess.run(node.host.running(*command), cwd=ROOT, check=False)  # its promises are those of one server


if __name__ == "__main__":
    sys.exit(main())

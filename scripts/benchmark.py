"""Every way to run the network side by side: `python -m scripts.benchmark`.

python -m scripts.benchmark --weights seeded-u2net --peers   the full size against other engines
python -m scripts.benchmark --serve                          through REST and gRPC as well
python -m scripts.benchmark --quick                          an impression within a minute
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from model.errors import WeightsError
from scripts.bench.around import measure_around
from scripts.bench.arrangements import measure_arrangements
from scripts.bench.inputs import SEEDED, Inputs, prepare
from scripts.bench.race import race
from scripts.bench.report import around_table, arrangements_table, machine, rows, served_table, table
from scripts.bench.served import ServedError, measure_served
from scripts.bench.spec import ENGINES
from scripts.serving.errors import SetupError
from scripts.serving.machine import usable_cores
from scripts.serving.paths import BUILD, PYTHON

PEERS_PYTHON = BUILD / "peers" / "bin" / "python"
_NO_PEERS = f"""--peers: the other engines are not installed. To install them, apart from .venv:
  {PYTHON} -m venv {PEERS_PYTHON.parents[1]}
  {PEERS_PYTHON} -m pip install -r requirements/peers.txt"""


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; status 1 and one line when something is missing."""
    options = _parser().parse_args(argv)
    if options.peers and not PEERS_PYTHON.exists():
        print(_NO_PEERS, file=sys.stderr)
        return 1
    try:
        with tempfile.TemporaryDirectory(prefix="portrait-benchmark-") as folder:
            report = _measure(options, Path(folder))
    except (WeightsError, SetupError, ServedError, ValueError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    if options.json:
        written = options.json.with_name(options.json.name + ".new")
        written.write_text(json.dumps(report, indent=2) + "\n")
        os.replace(written, options.json)
        print(options.json)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Time every way to run the network, side by side.")
    add = parser.add_argument
    add("--weights", default="lite", help=f"hub, lite, a file, or {', '.join(SEEDED)} (timing only); default: lite")
    add("--photos", type=Path, metavar="DIR", help="photos to compare drawings of; default: a sample and seeded ones")
    add("--side", type=int, default=512, help="of the square photo, in pixels; default: %(default)s")
    add("--rounds", type=int, default=11, help="times each engine is timed; default: %(default)s")
    add("--peers", action="store_true", help="ONNX Runtime and OpenVINO too (requirements/peers.txt)")
    add("--serve", action="store_true", help="a server of its own too, through REST and gRPC")
    add("--requests", type=int, default=200, help="for --serve: requests on each way; default: %(default)s")
    add("--port-offset", type=int, default=300, help="for --serve: added to all ports; default: %(default)s")
    add("--quick", action="store_true", help="fewer engines and rounds: ends within a minute")
    add("--json", type=Path, metavar="FILE", help="write the figures there too")
    return parser


def _measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    rounds, compared = (3, 1) if options.quick else (options.rounds, 6)
    inputs, weights = prepare(folder, options.weights, options.photos, compared, options.side)
    report: dict[str, Any] = {"machine": machine(), "weights": weights.name, "command": " ".join(sys.argv[1:])}
    print(f"{report['machine']}\n{weights.name}, one {options.side} x {options.side} photo, {rounds} rounds\n")
    report["engines"] = _engines(options, inputs, rounds)
    if not options.quick:
        report["arrangements"] = measure_arrangements(inputs)
        print("\nThe network alone:\n\n" + arrangements_table(report["arrangements"]))
        report["around"] = measure_around(inputs, rounds)
        print("\nAround the network, on one core:\n\n" + around_table(report["around"]))
    if options.serve:
        service = measure_served(weights, options.port_offset, options.requests)
        report["served"] = asdict(service)
        print("\n" + served_table(service))
    return report


def _engines(options: argparse.Namespace, inputs: Inputs, rounds: int) -> list[dict[str, Any]]:
    names = [name for name, engine in ENGINES.items() if options.peers or not engine.peer]
    pythons = {False: sys.executable, True: str(PEERS_PYTHON)}
    cores = usable_cores()
    results = race(names, inputs, cores, rounds, pythons)
    if cores > 1 and not options.quick:
        results += race(names, inputs, 1, rounds, pythons)
    found = rows(results)
    print(table(found))
    return found


if __name__ == "__main__":
    sys.exit(main())

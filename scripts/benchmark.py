"""Every way to run the network side by side: `python -m scripts.benchmark`.

python -m scripts.benchmark --weights seeded-u2net --peers   the full size against other engines
python -m scripts.benchmark --peers --isa avx2               as on a CPU that has AVX2 and no more
python -m scripts.benchmark --serve                          through REST and gRPC as well
python -m scripts.benchmark --quick                          an impression within a minute
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from model.files import write_whole
from model.quantization.ranges import PHOTOS, QuantizationError
from model.weights.errors import WeightsError
from model.weights.source import Weights
from scripts.bench import isa
from scripts.bench.arrangements import measure_arrangements
from scripts.bench.inputs import SEEDED, Inputs, Photos, make_inputs
from scripts.bench.machine import this_machine
from scripts.bench.operators import measure_operators
from scripts.bench.overhead import measure_overhead
from scripts.bench.packages import PEERS, PEERS_PYTHON, check
from scripts.bench.race import convert, race
from scripts.bench.report import (
    arrangements_table,
    left_out,
    machine_list,
    operators_table,
    overhead_table,
    rows,
    served_table,
    table,
)
from scripts.bench.service import ServedError
from scripts.bench.spec import candidates, forms, own, split
from scripts.serving.arguments import PRECISIONS
from scripts.serving.errors import SetupError
from scripts.serving.machine import usable_cores


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; status 1 and one line when something is missing."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    options = _parser().parse_args(arguments)
    try:
        check(options.peers, options.serve)
        limits = isa.variables(options.isa)
        if limits != {name: os.environ.get(name) for name in limits}:
            return _held_down(arguments, limits)
        with tempfile.TemporaryDirectory(prefix="portrait-benchmark-") as folder:
            report = _measure(options, Path(folder))
    except (WeightsError, QuantizationError, SetupError, ServedError, ValueError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    if options.json:
        _write(options.json, {"command": " ".join(arguments), **report})
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Time every way to run the network, side by side.")
    add = parser.add_argument
    add("--weights", default="lite", help=f"hub, lite, a file, or {', '.join(SEEDED)} (timing only); default: lite")
    add("--photos", type=Path, metavar="DIR", default=PHOTOS, help="to calibrate and to compare on; default: ours")
    add("--side", type=int, default=512, help="of the square photo, in pixels; default: %(default)s")
    add("--rounds", type=int, default=11, help="times each engine is timed; default: %(default)s")
    add("--peers", action="store_true", help="ONNX Runtime and OpenVINO too (requirements/peers.txt)")
    add("--isa", choices=(*isa.LIMITS, isa.NATIVE), default=isa.NATIVE, help="hold all engines down to it")
    add("--serve", action="store_true", help="a server of its own too, through REST and gRPC")
    add("--requests", type=int, default=200, help="for --serve: requests on each way; default: %(default)s")
    add(
        "--precision", choices=PRECISIONS, default="auto", help="for --serve: what it computes in; default: %(default)s"
    )
    add("--port-offset", type=int, default=300, help="for --serve: added to all ports; default: %(default)s")
    add("--quick", action="store_true", help="fewer photos, rounds and figures: ends within a minute")
    add("--json", type=Path, metavar="FILE", help="write the figures there too")
    return parser


def _held_down(arguments: Sequence[str], limits: dict[str, str]) -> int:
    """Run the same in a process that was started with `limits`: libraries read them once."""
    command = [sys.executable, "-m", "scripts.benchmark", *arguments]
    return subprocess.run(command, env={**os.environ, **limits}).returncode


def _measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    machine = this_machine(PEERS)
    print(f"This machine:\n\n{machine_list(machine)}\n")
    names, missing = split(candidates(options.peers))
    photos = Photos(options.photos, options.side, *((2, 1) if options.quick else ()))
    inputs, weights = make_inputs(folder, options.weights, photos, forms(names))
    report: dict[str, Any] = {"machine": asdict(machine), "weights": weights.name, "left_out": missing}
    report["engines"] = _engines(options, names, inputs, weights)
    if missing:
        print("\n" + left_out(missing))
    if not options.quick:
        report |= _details(options, own(names), inputs)
    if options.serve:
        report["served"] = _served(options, weights)
    return report


def _engines(options: argparse.Namespace, names: list[str], inputs: Inputs, weights: Weights) -> list[dict[str, Any]]:
    rounds = 3 if options.quick else options.rounds
    cores, pythons = usable_cores(), {False: sys.executable, True: str(PEERS_PYTHON)}
    if options.peers:
        convert(names, inputs, pythons[True])
    results = race(names, inputs, cores, rounds, pythons)
    if cores > 1 and not options.quick:
        results += race(names, inputs, 1, rounds, pythons)
    found = rows(results)
    print(f"{weights.name}, one {options.side} x {options.side} photo, {rounds} rounds:\n\n{table(found)}")
    return found


def _details(options: argparse.Namespace, own_names: list[str], inputs: Inputs) -> dict[str, Any]:
    """Throughput of the fastest of this project's engines, and where the time of each goes."""
    fastest, cores = own_names[-1], usable_cores()
    found = {"arrangements": measure_arrangements(fastest, inputs)}
    print(f"\nThe network alone, {fastest}:\n\n" + arrangements_table(found["arrangements"]))
    found["operators"] = measure_operators(own_names, inputs, cores)
    print(f"\nWhere the time goes, {cores} threads:\n\n" + operators_table(found["operators"]))
    found["overhead"] = measure_overhead(inputs, options.rounds)
    print("\nOverhead around the network, on one core:\n\n" + overhead_table(found["overhead"]))
    return found


def _served(options: argparse.Namespace, weights: Weights) -> dict[str, Any]:
    from scripts.bench.served import measure_served  # it needs packages that are not the server's

    service = measure_served(weights, options.port_offset, options.requests, options.precision)
    print("\n" + served_table(service))
    return asdict(service)


def _write(path: Path, report: dict[str, Any]) -> None:
    write_whole(path, json.dumps(report, indent=2) + "\n")
    print(path)


if __name__ == "__main__":
    sys.exit(main())

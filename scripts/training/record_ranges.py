"""Record the int8 ranges that ship with the embedded weights: `python -m scripts.training.record_ranges PHOTOS`.

To be run again whenever the embedded weights, or what they are shown, change: ranges of other weights are not used.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor
from tqdm import tqdm

from handler.finders import load_finders
from handler.module_info import WEIGHT_TOPS
from model.export import int8_line_model
from model.files import whole
from model.network.u2net import U2Net
from model.quantization.ranges import (
    SHIPPED,
    Gate,
    QuantizationError,
    Ranges,
    calibration_photos,
    pass_gate,
    read_ranges,
    record_ranges,
    split,
    write_ranges,
)
from model.weights import person
from model.weights.errors import WeightsError
from model.weights.loading import load_network
from model.weights.source import resolve, sight_of


def main(argv: Sequence[str] | None = None) -> int:
    """Record on two photos of three, judge on the third; status 1 and no new file when the gate refuses."""
    options = _parser().parse_args(argv)
    try:
        weights = resolve(options.weights)
        network = load_network(weights.path)
        finders = load_finders(person.fetch()[0].parent)
        seen, unseen = split(options.photos)
        with whole(options.output) as recorded:
            photos = calibration_photos(tqdm(seen, "recording"), sight_of(weights), finders)
            write_ranges(recorded, weights, record_ranges(network, photos))
            _judge(network, read_ranges(recorded), list(calibration_photos(unseen, sight_of(weights), finders)))
    except (WeightsError, QuantizationError) as error:
        print(error, file=sys.stderr)
        return 1
    print(options.output)
    return 0


def _judge(network: U2Net, ranges: Ranges, unseen: Sequence[Tensor]) -> None:
    """Print how near each integer form comes to fp32; raises `QuantizationError` where the gate refuses one."""
    gate = Gate.of(network, unseen)
    for form in WEIGHT_TOPS:
        found = gate.judge(int8_line_model(network, ranges, form))
        print(f"{form} against fp32, the worst of {len(unseen)} inputs from photos that were not recorded: {found}")
        pass_gate(form, found)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Record the int8 ranges that ship with the embedded weights.")
    parser.add_argument("photos", type=Path, help="a folder; a third of its photos only judges")
    parser.add_argument("--weights", default="lite", help="default: %(default)s")
    parser.add_argument("--output", type=Path, default=SHIPPED, help="default: %(default)s")
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""Build the archive that TorchServe serves: `python -m scripts.build_archive --weights hub`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from model.export import ExportError
from model.files import sha256_of
from model.quantization.ranges import QuantizationError
from model.weights.errors import WeightsError
from model.weights.source import Weights
from scripts.archive.build import ArchiveError, build
from scripts.archive.record import Record, inputs_digest, write_record
from scripts.fetch_weights import add_hub_options, fetch_person, resolve_from
from scripts.serving.errors import unwritable_text
from scripts.serving.paths import ARCHIVE
from scripts.serving.settings import VERSION


def main(argv: Sequence[str] | None = None) -> int:
    """Build, record what it was built from, print where it is; status 1 and one line if that fails."""
    options = _parser().parse_args(argv)
    try:
        source, weights = _weights(options)
        print(f"Building {options.output.name} from {weights.name} ({weights.sha256[:12]}) ...", flush=True)
        finders = fetch_finders()
        forms = build(weights, options.output, options.version, options.calibration, finders)
        print(f"It carries {', '.join([*forms, *(path.name for path in finders)])}.", flush=True)
    except (WeightsError, QuantizationError, ExportError, ArchiveError) as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(unwritable_text(error), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    # After the build: a first fetch from the hub writes weights.lock, which is one of the inputs.
    inputs = inputs_digest(options.weights, options.calibration)
    write_record(options.output, Record(inputs, sha256_of(options.output), source))
    print(options.output)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Build the archive that TorchServe serves.")
    parser.add_argument("--weights", default="hub", help="auto (hub, else lite), hub, lite or a file; default: hub")
    parser.add_argument(
        "--calibration", type=Path, metavar="DIR", help="portraits to make int8 from; default: twelve of the project"
    )
    parser.add_argument("--output", type=Path, default=ARCHIVE, help="default: %(default)s")
    parser.add_argument("--version", default=VERSION, help="of the model, as in its URL; default: %(default)s")
    add_hub_options(parser)
    return parser


def _weights(options: argparse.Namespace) -> tuple[str, Weights]:
    """Where the weights came from, and they."""
    if options.weights != "auto":
        return options.weights, resolve_from(options.weights, options)
    try:
        return "hub", resolve_from("hub", options)
    except WeightsError as error:
        print(f"The hub's weights are unavailable: {error}", file=sys.stderr)
        return "lite", resolve_from("lite", options)


def fetch_finders() -> tuple[Path, ...]:
    """Return the models of person and faces; none where they cannot be fetched, which is said once."""
    try:
        return fetch_person()
    except WeightsError as error:
        print(
            f"{error}. The archive does without: the lines tell where the person is, and frame=face shows the whole "
            "photo. Once python -m scripts.fetch_weights person succeeds, the next build has them.",
            file=sys.stderr,
        )
        return ()


if __name__ == "__main__":
    sys.exit(main())

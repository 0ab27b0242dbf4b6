"""Trains the embedded weights from a folder of portraits; an interrupted run goes on where it was.

    python -m scripts.training.train_lite PHOTOS WORK --steps 3000

WORK keeps the prepared photos, the state of the run, a running preview and at last the weights.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from model.training.network import save_weights
from model.training.plates import load_plates
from model.training.subjects import HINTS, read_hints
from model.training.train import VIEWS, Recipe, load_run, new_run, newest_weights, split, train

JUDGES = ("018", "036", "058", "062")  # photos that choose the weights during a run
HELD_OUT = ("006", "012", "022", "030", "045", "070", "082", "093")  # photos that no run looks at


def main(argv: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    torch.set_num_threads(args.threads)
    run_folder = args.work / args.name
    table = load_plates(args.photos, args.work / "plates", read_hints(args.hints))
    data = split(table, HELD_OUT, JUDGES)
    start, settled = newest_weights(args.work / args.start_from) if args.start_from else (None, False)
    recipe = Recipe(
        args.steps, args.seed, args.rate, args.views, args.stray, args.decay, args.settled, measure=not settled
    )
    run = load_run(recipe, run_folder) or new_run(recipe, start)
    best = train(run, recipe, data, run_folder, args.save_every, args.until)
    path = run_folder / "u2netp_portrait_lite.safetensors"
    save_weights(best, path)
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, help="folder of portraits")
    parser.add_argument("work", type=Path, help="folder for everything that is made")
    parser.add_argument(
        "--hints", type=Path, default=HINTS, help="faces and outlines (default: those of model/training)"
    )
    parser.add_argument("--name", default="run", help="folder of this run inside WORK (default: run)")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--until", type=int, help="end at this step; the rate falls as for all of --steps")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rate", type=float, default=2e-3, help="highest learning rate (default: 0.002)")
    parser.add_argument("--views", choices=VIEWS, default="medium", help="sizes of the examples (default: medium)")
    parser.add_argument("--stray", type=float, default=3.0, help="weight of ink behind the person (default: 3)")
    parser.add_argument("--decay", type=float, default=1.0, help="last share of the steps, in which the rate falls")
    parser.add_argument("--settled", type=float, default=0.0, help="last share of the steps, batch norm fixed")
    parser.add_argument("--start-from", help="name of an earlier run, whose newest weights begin this one")
    parser.add_argument("--save-every", type=int, default=100, help="steps between states (default: 100)")
    parser.add_argument("--threads", type=int, default=1, help="of the parts outside the steps (default: 1)")
    return parser


if __name__ == "__main__":
    sys.exit(main())

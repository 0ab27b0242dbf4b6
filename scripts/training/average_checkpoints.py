"""Averages what several training runs came to, into one file of weights.

    python -m scripts.training.average_checkpoints WORK balance:best last:mean lite.safetensors

Runs that went on from one another differ by the chance of their last steps; their mean has less of it
(Wortsman et al., "Model soups", ICML 2022).
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from model.training.network import State, mean_of, save_weights
from model.training.train import STATE_FILE

PARTS = ("best", "mean")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, help="folder of train_lite")
    parser.add_argument("runs", nargs="+", metavar="RUN:PART", help="best: what the judges chose; mean: the newest")
    parser.add_argument("output", type=Path)
    options = parser.parse_args(argv)
    try:
        states = [_state(options.work, text) for text in options.runs]
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    save_weights(mean_of(states), options.output)
    print(options.output)
    return 0


def _state(work: Path, text: str) -> State:
    run, _, part = text.partition(":")
    path = work / run / STATE_FILE
    if part not in PARTS or not path.is_file():
        raise ValueError(
            f"{text}: must be RUN:{' or RUN:'.join(PARTS)}, RUN a folder in {work} with {STATE_FILE} in it"
        )
    state: State = torch.load(path, weights_only=True)[part]
    return state


if __name__ == "__main__":
    sys.exit(main())

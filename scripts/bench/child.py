"""The process of one engine: makes it, then obeys lines on its standard input.

`time N` answers with N seconds, `draw FILE` writes the line maps of the compared photos to FILE,
`memory` answers with the peak resident memory in MB, `profile N` with where the milliseconds of the
middle one of N runs went; each answer is one line of JSON.
"""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from scripts.bench.inputs import Inputs
from scripts.bench.makers import MAKERS, Made
from scripts.bench.operators import profile
from scripts.bench.spec import ENGINES


def main(argv: Sequence[str] | None = None) -> int:
    """Arguments: the engine's name, the folder of inputs, the number of threads."""
    name, folder, threads = sys.argv[1:] if argv is None else argv
    torch.set_num_threads(int(threads))
    answers, sys.stdout = sys.stdout, sys.stderr  # libraries may say what they like
    inputs = Inputs(Path(folder))
    engine = ENGINES[name]
    with torch.inference_mode():
        made = MAKERS[engine.maker](inputs, engine, int(threads))
        photos = torch.load(inputs.photos)["compared"]
        print(json.dumps("ready"), file=answers, flush=True)
        for line in sys.stdin:
            print(json.dumps(_answer(line.split(), made, photos)), file=answers, flush=True)
    return 0


def _answer(order: list[str], made: Made, photos: torch.Tensor) -> object:
    match order:
        case ["time", count]:
            x = made.before(photos[:1])
            return [_seconds(made, x) for _ in range(int(count))]
        case ["draw", path]:
            torch.save([made.after(made.run(made.before(p[None]))).clone() for p in photos], path)
            return path
        case ["memory"]:
            return _peak_mb()
        case ["profile", count]:
            x = made.before(photos[:1])
            return profile(lambda: made.run(x), int(count))
    raise ValueError(f"no such order: {order}")


def _peak_mb() -> float:
    # ru_maxrss would count what the parent held when it forked
    [kilobytes] = (line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
    return int(kilobytes) * 1024 / 1e6


def _seconds(made: Made, x: object) -> float:
    started = time.perf_counter()
    made.run(x)
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())

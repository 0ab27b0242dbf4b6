"""What weights draw as a worker serves them, and how long that takes."""

import copy
import math
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from handler.arrays import Gray, Mask, Photo
from handler.decode import Limits, decode
from handler.finders import Finders, load_finders
from handler.inference import load
from handler.module_info import WEIGHT_TOPS
from handler.options import Options
from handler.pipeline import Pipeline
from handler.postprocess import encode, render
from handler.preprocess import prepare
from handler.request import Request
from handler.settings import Settings
from handler.sight import Sight
from model.export import export_float, info_of, write_int8
from model.network.line_model import LineModel
from model.quantization.ranges import SHIPPED, read_ranges
from model.training.preview import line_map
from model.weights import person
from model.weights.loading import load_network
from model.weights.source import resolve, sight_of

Served = Callable[[Photo], tuple[Gray, Mask | None]]  # photo -> drawing, and mask of the person where one was found


def served(weights: Path, options: Options) -> Served:
    """Return what draws a photo, uint8 (H, W, 3) RGB, with these options in fp32."""
    network, sight, finders = load_network(weights), sight_of(resolve(str(weights))), _finders()

    def draw(photo: Photo) -> tuple[Gray, Mask | None]:
        job = prepare(Request(encode(photo, "png"), options), Limits(), finders, sight)
        lines = LineModel(network).lines(line_map(network, job.network_input))[0].numpy()
        return render(job.photo, lines, job.options, job.person, job.seen), job.person

    return draw


class Timing(NamedTuple):
    """CPU seconds for one photo, from its bytes to the encoded drawing."""

    face: float  # width of the largest face, of the side of a square as large as the photo; 0 where none is found
    before: float  # all of the photo seen as 512 x 512 pixels, nobody looked for, nothing removed
    now: float


def timings(photos: Sequence[Path], fields: dict[str, str], rounds: int) -> Iterator[Timing]:
    """Time the embedded weights, in the form that this CPU serves: the least of so many rounds, both ways in turn."""
    now = served_pipeline()
    before = replace(now, drawer=copy.copy(now.drawer))
    before.drawer.info = replace(now.drawer.info, sight=Sight())
    for path in photos:
        data = path.read_bytes()
        pairs = [(_seconds(before, data, {}), _seconds(now, data, fields)) for _ in range(rounds)]
        yield Timing(_face(now.finders, decode(data, Limits())), *map(min, zip(*pairs, strict=True)))


def served_pipeline() -> Pipeline:
    """Return what a worker of this CPU has, of the embedded weights."""
    weights = resolve("lite")
    network, ranges = load_network(weights.path), read_ranges(SHIPPED)
    with tempfile.TemporaryDirectory() as folder:
        export_float(network, weights, Path(folder))
        for form in WEIGHT_TOPS:
            write_int8(network, ranges, info_of(network, weights, form), Path(folder))
        return Pipeline(load(Path(folder)), Settings(), finders=_finders())


def _finders() -> Finders:
    return load_finders(person.fetch()[0].parent)


def _seconds(pipeline: Pipeline, photo: bytes, fields: dict[str, str]) -> float:
    started = time.process_time()
    pipeline.draw_one(photo, fields)
    return time.process_time() - started


def _face(finders: Finders, photo: Photo) -> float:
    faces = finders.find_faces(photo)
    return faces[0].width / math.sqrt(photo.shape[0] * photo.shape[1]) if faces else 0

"""The steps put together, on a small real network and without TorchServe."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from handler.answer import Answer
from handler.errors import RequestError
from handler.metrics import STAGES
from handler.options import Options
from handler.pipeline import Pipeline, load_pipeline
from handler.preprocess import Job
from handler.request import Request, Row
from tests.tools.hostile import encoded, picture

PHOTO = encoded(picture(96, 72), "PNG")


class Notes:
    """What a batch tells, in order."""

    def __init__(self) -> None:
        self.told: list[str] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self.told.append(name)
        yield
        self.told.append(f"after {name}")

    def refused(self, errors: Sequence[RequestError]) -> None:
        self.told.append(f"{len(errors)} refused")

    def drawn(self, jobs: Sequence[Job]) -> None:
        self.told.append(f"{len(jobs)} drawn")


@pytest.fixture(scope="module")
def pipeline(module_folder: Path) -> Pipeline:
    return load_pipeline(module_folder, None, {"PORTRAIT_PRECISION": "fp32"})


def test_one_photo_and_fields_become_an_encoded_picture(pipeline: Pipeline) -> None:
    answer = pipeline.draw_one(PHOTO, {"style": "sketch", "size": "100", "format": "webp"})
    assert (answer.headers["Portrait-Size"], answer.headers["Content-Type"]) == ("100x75", "image/webp")
    assert Image.open(io.BytesIO(answer.body)).size == (100, 75)


def test_one_photo_that_is_wrong_raises_what_a_server_would_answer(pipeline: Pipeline) -> None:
    with pytest.raises(RequestError, match="style: must be draw, sketch or composite, got oil"):
        pipeline.draw_one(PHOTO, {"style": "oil"})
    with pytest.raises(RequestError, match="photo: "):
        pipeline.draw_one(b"no photo", {})


def test_a_wrong_row_of_a_batch_leaves_its_neighbours_as_they_are_alone(pipeline: Pipeline) -> None:
    rows: list[Row] = [{"data": PHOTO}, {"data": b"no photo"}, {"data": PHOTO, "frame": "stretch"}]
    first, wrong, last = pipeline.draw_batch(rows, [{}] * 3)
    assert (first, last) == (pipeline.draw_one(PHOTO, {}), pipeline.draw_one(PHOTO, {"frame": "stretch"}))
    assert isinstance(wrong, RequestError)


def test_a_batch_tells_its_stages_and_what_became_of_its_rows(pipeline: Pipeline) -> None:
    notes = Notes()
    pipeline.draw_batch([{"data": PHOTO}, {"data": b""}], [{}, {}], notes)
    first, second, third = STAGES
    assert notes.told == [
        *(first, f"after {first}", "1 refused"),
        *(second, f"after {second}", third, f"after {third}", "1 drawn"),
    ]


def test_nothing_is_drawn_where_every_row_is_wrong(pipeline: Pipeline) -> None:
    notes = Notes()
    pipeline.draw_batch([{"data": b""}], [{}], notes)
    assert notes.told == ["preprocess", "after preprocess", "1 refused"]


def test_a_picture_is_what_the_encoded_answer_shows(pipeline: Pipeline) -> None:
    job, drawn = pipeline.draw_picture(Request(PHOTO, Options()))
    answer: Answer = pipeline.draw_one(PHOTO, {})
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(answer.body))), drawn)
    assert job.photo.shape[:2] == drawn.shape


def test_each_drawing_asks_how_many_threads_it_may_take(pipeline: Pipeline) -> None:
    before = torch.get_num_threads()
    numbers = iter([2, 1])
    asking = Pipeline(pipeline.drawer, pipeline.settings, lambda: next(numbers))
    try:
        for number in (2, 1):
            asking.draw_one(PHOTO, {})
            assert torch.get_num_threads() == number
    finally:
        torch.set_num_threads(before)


def test_settings_are_those_of_the_archive(module_folder: Path) -> None:
    small = load_pipeline(module_folder, {"handler": {"megapixels": 0.001}}, {})
    with pytest.raises(RequestError, match=r"at most 0\.001 megapixels"):
        small.draw_one(PHOTO, {})
    with pytest.raises(ValueError, match=r"handler\.megabyte"):
        load_pipeline(module_folder, {"handler": {"megabyte": 1}}, {})

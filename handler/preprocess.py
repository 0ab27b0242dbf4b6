"""A request -> the photo at the picture's size, and what the network is to see of it.

The network was trained at 512 x 512; its input keeps that area, and the photo's aspect as far as
steps of 32 pixels and at most 1 to 4 allow. What little it is squashed, its map is stretched back.
"""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import cv2

from handler.arrays import Photo
from handler.decode import Limits, decode
from handler.faces import face_square
from handler.finders import NO_FINDERS, Finders
from handler.options import NATIVE_LONG_SIDE, STRETCH_SIDE, Options
from handler.request import Request

INPUT_SIDE = 512
_INPUT_STEP = 32
_MOST_ASPECT = 4.0


class Job(NamedTuple):
    """A photo on its way to the network."""

    photo: Photo  # uint8 (H, W, 3) RGB, at the picture's size
    network_input: Photo  # uint8 (h, w, 3) RGB, the same view
    options: Options
    faces: int | None  # how many were found; None where nobody looked


Stopwatch = Callable[[str], AbstractContextManager[object]]


def prepare(
    request: Request, limits: Limits, finders: Finders = NO_FINDERS, timed: Stopwatch = lambda stage: nullcontext()
) -> Job:
    """Decode, frame and size the photo of a request; `timed` is told when the finders begin and end.

    Raises `RequestError` as `decode` does.
    """
    options = request.options
    photo = decode(request.photo, limits, _decoded_side(options))
    view, faces = _FRAMINGS[options.frame](photo, finders, timed)
    if options.frame == "stretch":
        picture = network_input = (STRETCH_SIDE, STRETCH_SIDE)
    else:
        picture, network_input = picture_size(view, options.size), input_size(view)
    return Job(resize(view, picture), resize(view, network_input), options, faces)


def _whole(photo: Photo, finders: Finders, timed: Stopwatch) -> tuple[Photo, None]:
    return photo, None


def _face(photo: Photo, finders: Finders, timed: Stopwatch) -> tuple[Photo, int | None]:
    """The square of the largest face, and how many there are; the whole photo where there is none."""
    with timed("faces"):
        faces = finders.find_faces(photo)
    if faces is None:
        return photo, None
    return (face_square(photo, faces[0]) if faces else photo), len(faces)


_FRAMINGS: dict[str, Callable[[Photo, Finders, Stopwatch], tuple[Photo, int | None]]] = {
    "photo": _whole,
    "face": _face,
    "stretch": _whole,
}


def picture_size(photo: Photo, long_side: int | None) -> tuple[int, int]:
    """(height, width) with that long side, or the photo's own up to 2048, aspect kept."""
    height, width = photo.shape[:2]
    scale = (long_side or min(NATIVE_LONG_SIDE, max(height, width))) / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def input_size(photo: Photo, side: int = INPUT_SIDE) -> tuple[int, int]:
    """(height, width) of about `side` x `side` pixels with the photo's aspect, in steps of 32."""
    height, width = photo.shape[:2]
    aspect = min(max(width / height, 1 / _MOST_ASPECT), _MOST_ASPECT)
    return _stepped(side / math.sqrt(aspect)), _stepped(side * math.sqrt(aspect))


def _stepped(side: float) -> int:
    return max(1, round(side / _INPUT_STEP)) * _INPUT_STEP


def _decoded_side(options: Options) -> int | None:
    """How many pixels of the long side are of use; None: all, as a face may be a small part."""
    if options.frame == "face":
        return None
    return max(options.size or NATIVE_LONG_SIDE, 2 * INPUT_SIDE)


def resize(photo: Photo, size: tuple[int, int]) -> Photo:
    """uint8 (H, W, 3) -> uint8 (height, width, 3) of that `size`; the photo itself where it has it already."""
    if photo.shape[:2] == size:
        return photo
    shrinks = size[0] * size[1] < photo.shape[0] * photo.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return cv2.resize(photo, size[::-1], interpolation=how)

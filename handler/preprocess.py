"""A request -> the photo at the picture's size, and what the network is to see of it.

Its input has the area that `handler.sight` finds, and the photo's aspect as far as steps of 32 pixels and at most
1 to 4 allow. What little it is squashed, its map is stretched back.
"""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import cv2

from handler.arrays import Mask, Photo
from handler.decode import Limits, decode
from handler.faces import Face, face_square
from handler.finders import NO_FINDERS, Finders
from handler.options import NATIVE_LONG_SIDE, STRETCH_SIDE, Options
from handler.person import cut
from handler.request import Request
from handler.sight import Sight, seen_side, side_of_use

INPUT_SIDE = 512
_INPUT_STEP = 32
_MOST_ASPECT = 4.0


class Job(NamedTuple):
    """A photo on its way to the network."""

    photo: Photo  # uint8 (H, W, 3) RGB, at the picture's size
    network_input: Photo  # uint8 (h, w, 3) RGB, the same view
    options: Options
    faces: int | None  # how many were found; None where nobody looked
    person: Mask | None = None  # float32 (H, W) of `photo`; None where nobody was found, or nobody looked


Size = tuple[int, int]  # height, width
Stopwatch = Callable[[str], AbstractContextManager[object]]


def prepare(
    request: Request,
    limits: Limits,
    finders: Finders = NO_FINDERS,
    sight: Sight = Sight(),
    timed: Stopwatch = lambda _: nullcontext(),
) -> Job:
    """Decode, frame and size the photo of a request; `timed` is told when the finders begin and end.

    Raises `RequestError` as `decode` does.
    """
    options = request.options
    photo = decode(request.photo, limits, _decoded_side(options))
    faces = None
    if options.frame == "face" or (sight.face and options.frame == "photo"):
        with timed("faces"):
            faces = finders.find_faces(photo)
    view = FRAMINGS[options.frame](photo, faces or [])
    picture, network_input = _sizes(view, options, sight, faces)
    shown, seen = resize(view, picture), resize(view, network_input)
    person = None
    if options.scene == "remove":
        with timed("person"):
            person = finders.find_person(shown)
    if person is not None:
        # cut first, then draw: an outline against a wall of its own colour is drawn whole
        seen = cut(seen, reduced(person, network_input))
    return Job(shown, seen, options, len(faces) if options.frame == "face" and faces is not None else None, person)


def _whole(photo: Photo, faces: list[Face]) -> Photo:  # noqa: ARG001  one signature for all in the table
    return photo


def _largest_face(photo: Photo, faces: list[Face]) -> Photo:
    return face_square(photo, faces[0]) if faces else photo


FRAMINGS: dict[str, Callable[[Photo, list[Face]], Photo]] = {
    "photo": _whole,
    "face": _largest_face,
    "stretch": _whole,
}


def _sizes(view: Photo, options: Options, sight: Sight, faces: list[Face] | None) -> tuple[Size, Size]:
    """Return the picture's size and that of the network's input, which follows the largest face."""
    if options.frame == "stretch":
        return (STRETCH_SIDE, STRETCH_SIDE), (STRETCH_SIDE, STRETCH_SIDE)
    side = seen_side(sight, options.line, view.shape, faces[0].width if faces else None)
    picture = picture_size(view, options.size)
    return picture, input_size(view, min(side, side_of_use(view.shape, picture)))


def picture_size(photo: Photo, long_side: int | None) -> tuple[int, int]:
    """(height, width) with that long side, or the photo's own up to 2048, aspect kept."""
    height, width = photo.shape[:2]
    scale = (long_side or min(NATIVE_LONG_SIDE, max(height, width))) / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def input_size(photo: Photo, side: float = INPUT_SIDE) -> tuple[int, int]:
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
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return cv2.resize(photo, size[::-1], interpolation=interpolation)


def reduced(mask: Mask, size: tuple[int, int]) -> Mask:
    """float32 (H, W) in [0, 1] -> float32 (height, width) of that `size`."""
    return cv2.resize(mask, size[::-1], interpolation=cv2.INTER_AREA)

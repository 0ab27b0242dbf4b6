"""A request -> the photo at the picture's size, and what the network is to see of it.

Its input has the area that `handler.sight` finds, and the photo's aspect as far as steps of 32 pixels and at most
1 to 4 allow. What little it is squashed, its map is stretched back. Where the scene is left out, it sees the person's
box alone.
"""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple, TypeVar

import cv2

from handler.arrays import Mask, Photo, View
from handler.decode import Limits, decode
from handler.faces import Face, face_square
from handler.finders import NO_FINDERS, Finders
from handler.options import NATIVE_LONG_SIDE, STRETCH_SIDE, Options
from handler.person import cut, mask_of, person_box
from handler.request import Request
from handler.sight import MOST_SIDE, Sight, seen_side, side_of_use

_INPUT_STEP = 32
_MOST_ASPECT = 4.0

Size = tuple[int, int]  # height, width

_SQUASHED: Size = (STRETCH_SIDE, STRETCH_SIDE)


class Job(NamedTuple):
    """A photo on its way to the network."""

    photo: Photo  # uint8 (H, W, 3) RGB, at the picture's size
    network_input: Photo  # uint8 (h, w, 3) RGB, the same view or the part `seen`
    options: Options
    faces: int | None  # how many were found; None where nobody looked
    person: Mask | None = None  # float32 (H, W) of `photo`; None where nobody was found, or nobody looked
    seen: View | None = None  # of `photo`: the part that the network sees; None: all of it


_Image = TypeVar("_Image", Photo, Mask)
Stopwatch = Callable[[str], AbstractContextManager[object]]


def _untimed(_: str) -> AbstractContextManager[None]:
    return nullcontext()


def prepare(
    request: Request, limits: Limits, finders: Finders = NO_FINDERS, sight: Sight = Sight(), timed: Stopwatch = _untimed
) -> Job:
    """Decode, frame and size the photo of a request; `timed` is told when the finders begin and end.

    Raises `RequestError` as `decode` does.
    """
    options = request.options
    photo = decode(request.photo, limits, _decoded_side(options))
    faces, found, person = None, None, None
    if options.frame == "face" or _follows(sight, options):
        with timed("faces"):
            faces = finders.find_faces(photo)
    view = FRAMINGS[options.frame](photo, faces or [])
    shown = resize(view, _picture_size(view, options))
    if options.scene == "remove" or (_follows(sight, options) and not faces):
        with timed("person"):
            found = finders.find_person(view)
            person = mask_of(found, shown) if options.scene == "remove" and found is not None else None
    box = None if found is None else person_box(found, view.shape)
    seen = None if person is None or options.frame == "stretch" else box
    part = part_of(view, seen)
    network_input = resize(part, _input_size(part, options, sight, faces, box))
    seen = seen and _scaled(seen, view.shape, shown.shape)
    if person is not None:
        # cut first, then draw: an outline against a wall of its own colour is drawn whole
        network_input = cut(network_input, reduced(part_of(person, seen), network_input.shape[:2]))
    counted = len(faces) if options.frame == "face" and faces is not None else None
    return Job(shown, network_input, options, counted, person, seen)


def _follows(sight: Sight, options: Options) -> bool:
    """Return whether face or person decide at what size the network sees the photo."""
    return sight.face > 0 and options.frame != "stretch"


def _whole(photo: Photo, faces: list[Face]) -> Photo:  # noqa: ARG001  one signature for all in the table
    return photo


def _largest_face(photo: Photo, faces: list[Face]) -> Photo:
    return face_square(photo, faces[0]) if faces else photo


FRAMINGS: dict[str, Callable[[Photo, list[Face]], Photo]] = {
    "photo": _whole,
    "face": _largest_face,
    "stretch": _whole,
}


def _picture_size(view: Photo, options: Options) -> Size:
    return _SQUASHED if options.frame == "stretch" else picture_size(view, options.size)


def _input_size(part: Photo, options: Options, sight: Sight, faces: list[Face] | None, box: View | None) -> Size:
    """Return the size at which the network sees part of a view: by the largest face, or else by the person's box."""
    if options.frame == "stretch":
        return _SQUASHED
    width = faces[0].width if faces else None
    side = seen_side(sight, options.line, part.shape, width, _shape(box) if box else None)
    return input_size(part, min(side, side_of_use(part.shape, _picture_size(part, options))))


def picture_size(photo: Photo, long_side: int | None) -> Size:
    """(height, width) with that long side, or the photo's own up to 2048, aspect kept."""
    height, width = photo.shape[:2]
    scale = (long_side or min(NATIVE_LONG_SIDE, max(height, width))) / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def input_size(photo: Photo, side: float) -> Size:
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
    return max(options.size or NATIVE_LONG_SIDE, 2 * MOST_SIDE)


def resize(photo: Photo, size: Size) -> Photo:
    """uint8 (H, W, 3) -> uint8 (height, width, 3) of that `size`; the photo itself where it has it already."""
    if photo.shape[:2] == size:
        return photo
    shrinks = size[0] * size[1] < photo.shape[0] * photo.shape[1]
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return cv2.resize(photo, size[::-1], interpolation=interpolation)


def reduced(mask: Mask, size: Size) -> Mask:
    """float32 (H, W) in [0, 1] -> float32 (height, width) of that `size`."""
    return cv2.resize(mask, size[::-1], interpolation=cv2.INTER_AREA)


def part_of(image: _Image, view: View | None) -> _Image:
    """Return that part of an image, (H, W) or (H, W, 3); None: all of it."""
    if view is None:
        return image
    left, top, right, bottom = view
    return image[top:bottom, left:right]


def _shape(view: View) -> Size:
    left, top, right, bottom = view
    return bottom - top, right - left


def _scaled(view: View, size: tuple[int, ...], to: tuple[int, ...]) -> View:
    """Bring a part of a photo of one size, (H, W, ...), to another size."""
    y, x = to[0] / size[0], to[1] / size[1]
    left, top, right, bottom = view
    # at least a pixel, however small the picture
    left, top = min(round(left * x), to[1] - 1), min(round(top * y), to[0] - 1)
    return left, top, max(left + 1, round(right * x)), max(top + 1, round(bottom * y))

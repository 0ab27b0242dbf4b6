"""HEIC and AVIF by their boxes: what would be decoded, counted before anything is.

The boxes are those of ISO/IEC 14496-12 (a file as boxes) and 23008-12 (pictures as items, grids of tiles).
"""

from collections.abc import Iterator
from typing import NamedTuple

from handler.av1 import coded_sizes
from handler.errors import refuse

# As libheif's own limits, which hold later; ours bound this walk as well.
MOST_BOXES = 10_000
# A grid's tiles reach over its edges, by less than one tile; a photo of one tile and a little is the worst that is.
MOST_WORK = 4
_SLACK = 2_000_000  # pixels; tiles are at most 1024 x 1024 in what phones write
_CODED = (b"hvc1", b"hev1", b"av01")


class Box(NamedTuple):
    """A box's kind, and where its content lies in the file."""

    kind: bytes
    start: int
    end: int


class Still(NamedTuple):
    """The file's primary picture."""

    size: tuple[int, int]  # width and height as stored, before it is turned
    cicp: tuple[int, int] | None  # primaries and transfer by number, ITU-T H.273


class _Reader:
    """Big-endian numbers, one after another. Raises `ValueError` past the end."""

    def __init__(self, data: bytes, box: Box) -> None:
        self._data, self._at, self._end = data, box.start, box.end

    def number(self, count: int) -> int:
        return int.from_bytes(self.take(count), "big")

    def take(self, count: int) -> bytes:
        self._at += count
        if self._at > self._end:
            raise ValueError("a box is too short")
        return self._data[self._at - count : self._at]

    def rest(self, kind: bytes) -> Box:
        return Box(kind, self._at, self._end)


class _Items(NamedTuple):
    """What the file's `meta` box says, by the number of an item."""

    primary: int
    kinds: dict[int, bytes]
    references: list[tuple[bytes, int, list[int]]]  # kind, from, to
    properties: dict[int, list[Box]]
    places: dict[int, list[Box]]  # where the data of each item lies, by extents


def is_boxed(data: bytes) -> bool:
    """Whether `data` begins as HEIC and AVIF do."""
    return data[4:8] == b"ftyp"


def brands(data: bytes) -> list[bytes]:
    """Return what the file says that it can be read as, the major brand first."""
    end = min(int.from_bytes(data[:4], "big"), 256)
    return [data[8:12], *(data[i : i + 4] for i in range(16, end, 4))]


def read_still(data: bytes) -> Still:
    """Return the picture that a decoder would decode.

    Raises `RequestError` (400) for one whose tiles are far more than itself, and `ValueError` where the boxes are
    damaged or lead to no picture.
    """
    meta = _first(data, Box(b"", 0, len(data)), b"meta")
    items = _read_items(data, Box(meta.kind, meta.start + 4, meta.end))
    parts = [items.primary, *(one for kind, one, to in items.references if kind == b"auxl" and items.primary in to)]
    sizes = [_check_work(data, items, part) for part in parts if _is_picture(items, part)]
    if not sizes or not _is_picture(items, items.primary):
        raise ValueError("the primary item is no picture")
    return Still(sizes[0], _cicp(data, items))


def _is_picture(items: _Items, item: int) -> bool:
    return items.kinds.get(item) in (*_CODED, b"grid")


def _check_work(data: bytes, items: _Items, item: int) -> tuple[int, int]:
    """Return the size of an item; raises `RequestError` where its tiles are too many for it."""
    width, height = _size(data, items, item)
    if items.kinds[item] == b"av01":
        _check_coded(data, items, item)
    if items.kinds[item] == b"grid":
        tiles = [tile for kind, one, to in items.references if kind == b"dimg" and one == item for tile in to]
        if not all(items.kinds.get(tile) in _CODED for tile in tiles):
            raise ValueError("a tile of the grid is no coded picture")
        areas = {tile: _area(_check_work(data, items, tile)) for tile in set(tiles)}
        if sum(areas[tile] for tile in tiles) > MOST_WORK * width * height + _SLACK:
            refuse(f"photo: the tiles of its grid have far more pixels than the {width} x {height} of the whole")
    return width, height


def _check_coded(data: bytes, items: _Items, item: int) -> None:
    """libheif compares what is coded with what is stated before it decodes; libavif scales what it has decoded."""
    stated = _area(_size(data, items, item))
    places = items.places.get(item, [])
    if sum(place.end - place.start for place in places) > len(data):
        raise ValueError("an item is longer than the file")
    coded = b"".join(data[place.start : place.end] for place in places)
    if any(_area(size) > MOST_WORK * stated + _SLACK for size in coded_sizes(coded)):
        refuse("photo: the coded picture has far more pixels than the file states")


def _area(size: tuple[int, int]) -> int:
    return size[0] * size[1]


def _size(data: bytes, items: _Items, item: int) -> tuple[int, int]:
    for box in items.properties.get(item, []):
        if box.kind == b"ispe":
            reader = _Reader(data, box)
            reader.number(4)
            return reader.number(4), reader.number(4)
    raise ValueError("an item has no size")


def _cicp(data: bytes, items: _Items) -> tuple[int, int] | None:
    for box in items.properties.get(items.primary, []):
        if box.kind == b"colr" and data[box.start : box.start + 4] == b"nclx":
            reader = _Reader(data, Box(b"nclx", box.start + 4, box.end))
            return reader.number(2), reader.number(2)
    return None


def _boxes(data: bytes, parent: Box) -> Iterator[Box]:
    at = parent.start
    for _ in range(MOST_BOXES):
        if at + 8 > parent.end:
            return
        length, head = int.from_bytes(data[at : at + 4], "big"), 8
        if length == 1:
            length, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        end = parent.end if length == 0 else at + length
        if end < at + head or end > parent.end:
            raise ValueError("a box is longer than what it lies in")
        yield Box(data[at + 4 : at + 8], at + head, end)
        at = end
    raise ValueError("too many boxes")


def _first(data: bytes, parent: Box, kind: bytes) -> Box:
    for box in _boxes(data, parent):
        if box.kind == kind:
            return box
    raise ValueError(f"there is no {kind.decode('latin-1')} box")


def _read_items(data: bytes, meta: Box) -> _Items:
    found = {box.kind: box for box in _boxes(data, meta)}
    missing = {b"pitm", b"iinf", b"iprp"} - found.keys()
    if missing:
        raise ValueError(f"there is no {missing} box")
    primary = _Reader(data, found[b"pitm"])
    wide = primary.number(4) >> 24
    references = list(_references(data, found[b"iref"])) if b"iref" in found else []
    kinds = dict(_kinds(data, found[b"iinf"]))
    properties = _properties(data, found[b"iprp"])
    places = dict(_places(data, found[b"iloc"], found.get(b"idat"))) if b"iloc" in found else {}
    return _Items(primary.number(4 if wide else 2), kinds, references, properties, places)


def _kinds(data: bytes, iinf: Box) -> Iterator[tuple[int, bytes]]:
    reader = _Reader(data, iinf)
    reader.number(4 if reader.number(4) >> 24 else 2)
    for box in _boxes(data, reader.rest(b"iinf")):
        entry = _Reader(data, box)
        version = entry.number(4) >> 24
        if box.kind == b"infe" and version >= 2:
            item = entry.number(4 if version > 2 else 2)
            entry.number(2)
            yield item, entry.take(4)


def _references(data: bytes, iref: Box) -> Iterator[tuple[bytes, int, list[int]]]:
    reader = _Reader(data, iref)
    width = 4 if reader.number(4) >> 24 else 2
    for box in _boxes(data, reader.rest(b"iref")):
        entry = _Reader(data, box)
        item, count = entry.number(width), entry.number(2)
        yield box.kind, item, [entry.number(width) for _ in range(count)]


def _properties(data: bytes, iprp: Box) -> dict[int, list[Box]]:
    """Properties by item: `ipma` names them by their place in `ipco`, from 1."""
    known = list(_boxes(data, _first(data, iprp, b"ipco")))
    found: dict[int, list[Box]] = {}
    for box in _boxes(data, iprp):
        if box.kind == b"ipma":
            for item, places in _associations(_Reader(data, box)):
                found[item] = [known[place - 1] for place in places if 0 < place <= len(known)]
    return found


def _associations(reader: _Reader) -> Iterator[tuple[int, list[int]]]:
    head = reader.number(4)
    id_width, place_width = 4 if head >> 24 else 2, 2 if head & 1 else 1
    mask = (1 << (8 * place_width - 1)) - 1  # the topmost bit says whether a decoder must know the property
    for _ in range(reader.number(4)):
        item, count = reader.number(id_width), reader.number(1)
        yield item, [reader.number(place_width) & mask for _ in range(count)]


def _places(data: bytes, iloc: Box, idat: Box | None) -> Iterator[tuple[int, list[Box]]]:
    reader = _Reader(data, iloc)
    version = reader.number(4) >> 24
    widths = reader.number(2)
    offset, length, base, index = (widths >> shift & 15 for shift in (12, 8, 4, 0))
    id_width = 4 if version == 2 else 2
    for _ in range(reader.number(id_width)):
        item = reader.number(id_width)
        inside = reader.number(2) & 15 if version else 0  # 1: offsets count from the beginning of `idat`
        reader.number(2)
        start = reader.number(base) + (idat.start if inside == 1 and idat else 0)
        extents = []
        for _ in range(reader.number(2)):
            reader.number(index if version else 0)
            at = start + reader.number(offset)
            extents.append(Box(b"", at, at + reader.number(length)))
        yield item, extents

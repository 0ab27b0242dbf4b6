"""HEIC files written box by box around one coded picture, so that any box can be wrong.

The picture is that of `tests/data/picture.heic`: `tests.tools.hostile.picture()`, 96 x 72, coded once by x265, as no
encoder of HEVC is among the packages that tests need.
"""

import struct
from pathlib import Path

PICTURE = Path(__file__).parents[1] / "data" / "picture.heic"
WIDTH, HEIGHT = 96, 72


def box(kind: bytes, *content: bytes, version: int | None = None, flags: int = 0) -> bytes:
    head = b"" if version is None else struct.pack(">I", version << 24 | flags)
    body = head + b"".join(content)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def heic(
    columns: int = 1,
    rows: int = 1,
    size: tuple[int, int] | None = None,
    tile_size: tuple[int, int] = (WIDTH, HEIGHT),
    properties: tuple[bytes, ...] = (),
    brand: bytes = b"heic",
) -> bytes:
    """Return a grid of `columns` x `rows` times the same tile; `size` and `tile_size` are what is stated."""
    config, coded = _parts()
    whole = size or (columns * WIDTH, rows * HEIGHT)
    kept = [config, _ispe(tile_size), _ispe(whole), *properties]
    tiles = range(1, columns * rows + 1)  # all of them lie at the same place; the grid comes after them
    own = {tile: [0x81, 2] for tile in tiles} | {len(tiles) + 1: [3, *range(4, 4 + len(properties))]}
    grid = struct.pack(">BBBBII", 0, 1, rows - 1, columns - 1, *whole)
    meta = [
        box(b"hdlr", bytes(4), b"pict", bytes(13), version=0),
        box(b"pitm", struct.pack(">H", len(own)), version=0),
        box(b"iinf", struct.pack(">H", len(own)), *(_infe(item, item <= len(tiles)) for item in own), version=0),
        box(b"iref", box(b"dimg", struct.pack(f">HH{len(tiles)}H", len(own), len(tiles), *tiles)), version=0),
        box(b"iprp", box(b"ipco", *kept), _ipma(own)),
    ]
    kind = box(b"ftyp", brand, bytes(4), b"mif1heic")
    # the places of the data follow from the length of the boxes before them, which they do not change
    start = len(kind) + len(box(b"meta", *meta, _iloc(len(tiles), 0, 0, 0), version=0)) + 8
    located = _iloc(len(tiles), start, len(coded), len(grid))
    return kind + box(b"meta", *meta, located, version=0) + box(b"mdat", coded, grid)


def colour_numbers(primaries: int, transfer: int) -> bytes:
    return box(b"colr", b"nclx", struct.pack(">HHHB", primaries, transfer, 6, 0x80))


def colour_profile(profile: bytes) -> bytes:
    return box(b"colr", b"prof", profile)


def turned(quarters: int) -> bytes:
    """So many quarters of a turn to the left."""
    return box(b"irot", bytes((quarters,)))


def mirrored(axis: int) -> bytes:
    return box(b"imir", bytes((axis,)))


def _parts() -> tuple[bytes, bytes]:
    """Return the decoder's configuration, as a box, and the coded picture of the sample."""
    data = PICTURE.read_bytes()
    at = data.index(b"hvcC") - 4
    config = data[at : at + int.from_bytes(data[at : at + 4], "big")]
    return config, data[data.index(b"mdat") + 4 :]


def _ispe(size: tuple[int, int]) -> bytes:
    return box(b"ispe", struct.pack(">II", *size), version=0)


def _infe(item: int, coded: bool) -> bytes:
    return box(b"infe", struct.pack(">HH4sB", item, 0, b"hvc1" if coded else b"grid", 0), version=2)


def _ipma(places: dict[int, list[int]]) -> bytes:
    entries = [struct.pack(">HB", item, len(own)) + bytes(own) for item, own in places.items()]
    return box(b"ipma", struct.pack(">I", len(entries)), *entries, version=0)


def _iloc(tiles: int, start: int, coded: int, grid: int) -> bytes:
    """Offsets and lengths of four bytes, one extent for each item."""
    places = [(item, start, coded) for item in range(1, tiles + 1)] + [(tiles + 1, start + coded, grid)]
    entries = [struct.pack(">HHHII", item, 0, 1, *place) for item, *place in places]
    return box(b"iloc", b"\x44\0", struct.pack(">H", len(entries)), *entries, version=0)

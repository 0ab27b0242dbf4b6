import io
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
import resvg_py
from PIL import Image
from skimage.metrics import structural_similarity

from handler.arrays import Gray
from handler.enlarge import enlarge
from handler.vector import vector
from tests.tools import sitter

SVG = "{http://www.w3.org/2000/svg}"


def drawing(side: int) -> Gray:
    return cv2.convertScaleAbs(enlarge(sitter.lines(min(side, 512)), (side, side)), alpha=255)


def rendered(svg: bytes) -> Image.Image:
    """As a renderer that shares no code with the tracer shows it."""
    return Image.open(io.BytesIO(bytes(resvg_py.svg_to_bytes(svg_string=svg.decode()))))


def elements(svg: bytes) -> Iterator[ElementTree.Element]:
    return ElementTree.fromstring(svg).iter()


@pytest.mark.parametrize("side", [300, 512, 1024, 2048])
def test_it_looks_as_the_drawing_does(side: int) -> None:
    drawn = drawing(side)
    shown = np.asarray(rendered(vector(drawn, "#ffffff")).convert("L"))
    assert shown.shape == (side, side)
    assert structural_similarity(shown, drawn, data_range=255) >= 0.95


def test_holes_stay_holes() -> None:
    ring = np.full((64, 96), 255, np.uint8)
    cv2.circle(ring, (48, 32), 20, 0, 6)
    shown = np.asarray(rendered(vector(ring, "#ffffff")).convert("L"))
    assert shown[32, 48] == 255
    assert shown[32, 28] == 0


def test_it_is_one_path_on_a_sheet_and_nothing_else() -> None:
    svg = vector(drawing(300), "#f5ecd7")
    assert [element.tag for element in elements(svg)] == [f"{SVG}svg", f"{SVG}rect", f"{SVG}path"]
    root, sheet, _ = elements(svg)
    assert root.attrib == {"width": "300", "height": "300", "viewBox": "0 0 300 300"}
    assert sheet.attrib["fill"] == "#f5ecd7"


def test_without_paper_there_is_ink_alone() -> None:
    svg = vector(drawing(300), None)
    assert [element.tag for element in elements(svg)] == [f"{SVG}svg", f"{SVG}path"]
    assert np.asarray(rendered(svg))[0, 0, 3] == 0


def test_the_same_drawing_gives_the_same_bytes() -> None:
    assert vector(drawing(512), None) == vector(drawing(512).copy(), None)


@pytest.mark.parametrize("level", [0, 255])
def test_a_sheet_full_of_ink_or_bare_is_a_drawing(level: int) -> None:
    svg = vector(np.full((64, 100), level, np.uint8), "#ffffff")
    assert abs(int(np.asarray(rendered(svg).convert("L"))[32, 50]) - level) < 3


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (3, 2)])
def test_the_smallest_drawings_are_drawings(shape: tuple[int, int]) -> None:
    assert rendered(vector(np.full(shape, 255, np.uint8), "#ffffff")).size == shape[::-1]

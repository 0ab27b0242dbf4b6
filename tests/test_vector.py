import io
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from functools import cache

import cv2
import numpy as np
import pytest
import resvg_py
from PIL import Image
from skimage.metrics import structural_similarity

from handler.arrays import Gray, LineMap
from handler.enlarge import enlarge
from handler.options import Options
from handler.postprocess import render
from handler.vector import vector
from model.network.line_model import LineModel
from model.quantization.ranges import PHOTOS
from model.training.preview import line_map
from model.weights.loading import load_network
from model.weights.source import EMBEDDED
from tests.tools import sitter

SVG = "{http://www.w3.org/2000/svg}"


def drawing(side: int) -> Gray:
    return cv2.convertScaleAbs(enlarge(sitter.lines(min(side, 512)), (side, side)), alpha=255)


@cache
def lines_of(name: str) -> LineMap:
    """Draw one of the project's photos with the embedded weights, seen as most portraits are."""
    network = load_network(EMBEDDED)
    photo = np.asarray(Image.open(PHOTOS / f"{name}.jpg").convert("RGB").resize((448, 448)))
    return LineModel(network).lines(line_map(network, photo))[0].numpy()


def rendered(svg: bytes) -> Image.Image:
    """As a renderer that shares no code with the tracer shows it."""
    return Image.open(io.BytesIO(bytes(resvg_py.svg_to_bytes(svg_string=svg.decode()))))


def elements(svg: bytes) -> Iterator[ElementTree.Element]:
    return ElementTree.fromstring(svg).iter()


def likeness(svg: bytes, drawn: Gray) -> float:
    shown = np.asarray(rendered(svg).convert("L"))
    assert shown.shape == drawn.shape
    return float(structural_similarity(shown, drawn, data_range=255))


@pytest.mark.parametrize("side", [64, 300, 512, 1024, 2048])
def test_it_looks_as_the_drawing_does(side: int) -> None:
    assert likeness(vector(drawing(side), "#ffffff"), drawing(side)) >= 0.95


@pytest.mark.parametrize("name", ["001", "046", "087"])
@pytest.mark.parametrize("side", [1024, 2048])
def test_of_a_photo_it_looks_as_the_drawing_does_in_a_file_of_sensible_size(name: str, side: int) -> None:
    drawn = render(np.zeros((side, side, 3), np.uint8), lines_of(name), Options())
    svg = vector(drawn, "#ffffff")
    assert likeness(svg, drawn) >= 0.95
    assert len(svg) <= 600_000


def test_a_drawing_full_of_detail_becomes_no_larger_file() -> None:
    woven = cv2.GaussianBlur(np.random.default_rng(0).normal(128, 500, (1024, 1024)), (0, 0), 2.5)
    svg = vector(woven.clip(0, 255).astype(np.uint8), None)
    assert len(svg) <= 600_000
    assert b'id="ink"' in svg


def test_holes_stay_holes() -> None:
    ring = np.full((64, 96), 255, np.uint8)
    cv2.circle(ring, (48, 32), 20, 0, 6)
    shown = np.asarray(rendered(vector(ring, "#ffffff")).convert("L"))
    assert shown[32, 48] == 255
    assert shown[32, 28] < 3


def test_it_is_layers_of_black_on_a_sheet_and_nothing_else() -> None:
    svg = vector(drawing(300), "#f5ecd7")
    root, sheet, group, *layers = elements(svg)
    assert root.attrib == {"width": "300", "height": "300", "viewBox": "0 0 300 300"}
    assert sheet.attrib == {"width": "300", "height": "300", "fill": "#f5ecd7"}
    assert group.tag == f"{SVG}g"
    assert {layer.tag for layer in layers} == {f"{SVG}path"}
    assert {name for layer in layers for name in layer.attrib} == {"id", "fill-opacity", "d"}
    assert 2 <= len(layers) <= 20


def test_what_is_darker_than_half_is_a_path_of_its_own() -> None:
    drawn = drawing(512)
    (ink,) = [layer for layer in elements(vector(drawn, None)) if layer.get("id") == "ink"]
    head = f'<svg xmlns="{SVG[1:-1]}" width="1024" height="1024"><path fill-rule="evenodd" transform="scale(0.25)"'
    shown = np.asarray(rendered(f'{head} d="{ink.get("d")}"/></svg>'.encode()))
    shown = cv2.resize(shown[..., 3], (512, 512), interpolation=cv2.INTER_AREA) > 127
    assert (shown != (drawn < 128)).mean() < 0.005


def test_without_paper_there_is_ink_alone() -> None:
    svg = vector(drawing(300), None)
    assert f"{SVG}rect" not in {element.tag for element in elements(svg)}
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

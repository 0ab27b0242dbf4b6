import cv2
import numpy as np
import pytest

from handler.arrays import LineMap
from handler.enlarge import enlarge
from tests.tools import sitter

SCALE = 4


def stroke(angle: float, width: float, ink: float = 0.0, side: int = 96) -> LineMap:
    """Return a straight line through the middle, as soft at its edges as the network's are."""
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) - (side - 1) / 2
    distance = np.abs(x * np.sin(angle) + y * np.cos(angle))
    paper = np.clip(distance - width / 2 + 0.5, 0, 1)
    return cv2.GaussianBlur((ink + (1 - ink) * paper).astype(np.float32), (0, 0), 0.6)


def edge_width(profile: LineMap) -> float:
    """Pixels from 10 to 90 % of a rising edge."""
    low, high = profile.min(), profile.max()
    tenth, ninth = (float(np.interp(low + s * (high - low), profile, np.arange(profile.size))) for s in (0.1, 0.9))
    return ninth - tenth


def across(picture: LineMap) -> LineMap:
    """From the middle of a level line straight out of it."""
    middle = picture.shape[1] // 2
    return picture[picture.shape[0] // 2 :, middle][:40]


def test_a_map_of_the_size_is_left_as_it_is() -> None:
    lines = sitter.lines(64)
    assert np.array_equal(enlarge(lines, lines.shape), lines)


@pytest.mark.parametrize("width", [4.0, 8.0, 12.0])
def test_an_edge_stays_within_three_pixels(width: float) -> None:
    lines = stroke(0, width)
    enlarged = enlarge(lines, (96 * SCALE, 96 * SCALE))
    interpolated = cv2.resize(lines, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_CUBIC)
    assert edge_width(across(enlarged)) <= 3 < edge_width(across(interpolated))


@pytest.mark.parametrize("ink", [0.0, 0.4, 0.7])
@pytest.mark.parametrize("degrees", [0, 8, 27, 45, 80])
def test_a_hair_line_survives_and_is_no_string_of_beads(degrees: int, ink: float) -> None:
    lines = stroke(np.deg2rad(degrees), 1.0, ink)
    enlarged = enlarge(lines, (96 * SCALE, 96 * SCALE))
    steps = np.arange(-80, 81, dtype=np.float32)
    centre = (96 * SCALE - 1) / 2
    columns = (centre + steps * np.cos(np.deg2rad(degrees)))[None].astype(np.float32)
    rows = (centre - steps * np.sin(np.deg2rad(degrees)))[None].astype(np.float32)
    ridge = cv2.remap(enlarged, columns, rows, cv2.INTER_LINEAR)
    faded = 1 - lines.min()
    assert (1 - ridge).min() > 0.6 * faded
    assert np.ptp(ridge) < 0.25 * faded


@pytest.mark.parametrize("degrees", [5, 20, 45])
def test_a_slanted_edge_has_no_stairs(degrees: int) -> None:
    angle = np.deg2rad(degrees)
    enlarged = enlarge(stroke(angle, 10.0), (96 * SCALE, 96 * SCALE))
    columns = np.arange(130, 254)
    crossings = [edge_row(enlarged[:, column]) for column in columns]
    wobble = crossings - np.polyval(np.polyfit(columns, crossings, 1), columns)
    assert np.abs(wobble).max() * np.cos(angle) < 0.75


def edge_row(column: LineMap) -> float:
    """Where the lower edge of the line crosses the middle gray."""
    row = int(np.flatnonzero(column < 0.5)[-1])
    return float(row + (0.5 - column[row]) / (column[row + 1] - column[row]))


@pytest.mark.parametrize("plateau", [0.4, 0.8])
def test_no_halo_beside_a_line(plateau: float) -> None:
    lines = np.full((64, 64), plateau, np.float32)
    lines[:, 20:28] = 0
    lines[:, 44:] = 1
    enlarged = enlarge(cv2.GaussianBlur(lines, (0, 0), 0.6), (256, 256))
    assert np.abs(enlarged[:, 124:164] - plateau).max() < 0.02
    assert enlarged[:, 84:108].max() < 0.02


@pytest.mark.parametrize("size", [(700, 900), (513, 512), (300, 200), (64, 48), (2, 1)])
def test_any_size_keeps_the_drawing(size: tuple[int, int]) -> None:
    lines = sitter.lines(512)
    enlarged = enlarge(lines, size)
    assert enlarged.shape == size
    assert enlarged.dtype == np.float32
    assert 0 <= enlarged.min() <= enlarged.max() <= 1
    assert enlarged.mean() == pytest.approx(lines.mean(), abs=0.02)


def test_shading_keeps_its_tone() -> None:
    ramp = np.repeat(np.linspace(0, 1, 128, dtype=np.float32)[None], 128, axis=0)
    enlarged = enlarge(ramp, (512, 512))
    assert np.abs(enlarged - cv2.resize(ramp, (512, 512))).max() < 0.02


@pytest.mark.parametrize("size", [(384, 384), (700, 500)])
def test_the_map_stays_as_it_was(size: tuple[int, int]) -> None:
    lines = sitter.lines(192)
    enlarge(lines, size)
    assert np.array_equal(lines, sitter.lines(192))


@pytest.mark.parametrize("side", [160, 512, 1024])
def test_the_same_picture_on_any_number_of_threads(side: int) -> None:
    usual = cv2.getNumThreads()
    pictures = []
    for threads in (1, 2, 3, 8):
        cv2.setNumThreads(threads)
        pictures.append(enlarge(sitter.lines(192), (side, side)).tobytes())
    cv2.setNumThreads(usual)
    assert len(set(pictures)) == 1


@pytest.mark.parametrize("strip", [7, 32, 1000])
def test_strips_leave_no_seam(strip: int, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = sitter.lines(200)
    usual = enlarge(lines, (400, 400))
    monkeypatch.setattr("handler.enlarge._STRIP", strip)
    assert np.array_equal(enlarge(lines, (400, 400)), usual)

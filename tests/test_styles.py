import cv2
import numpy as np
import pytest
from skimage.metrics import structural_similarity

from handler.arrays import LineMap, Photo, Picture
from handler.enlarge import enlarge
from handler.mask import subject_mask
from handler.styles import STYLES, Mix, composite
from tests.tools import sitter

MIX = Mix(alpha=0.5, sigma=20)
every_style = pytest.mark.parametrize("name", STYLES)


def gray(picture: Picture) -> Picture:
    return picture if picture.ndim == 2 else cv2.cvtColor(picture[..., :3], cv2.COLOR_RGB2GRAY)


def drawn(name: str, photo: Photo, lines: LineMap) -> Picture:
    """Draw with the mask that the lines give, as for a photo in which nobody was found."""
    return STYLES[name](photo, lines, subject_mask(lines), MIX)


def alike(first: Picture, second: Picture) -> float:
    return float(structural_similarity(first, second, data_range=255))


@every_style
@pytest.mark.parametrize("shape", [(256, 256), (90, 160), (1, 1), (5, 300)])
def test_a_style_is_a_pure_function_of_photo_and_lines(name: str, shape: tuple[int, int]) -> None:
    photo, lines = cv2.resize(sitter.photo(256), shape[::-1]), cv2.resize(sitter.lines(256), shape[::-1])
    photo, lines = photo.reshape(*shape, 3), lines.reshape(shape)
    given = photo.copy(), lines.copy()
    picture = drawn(name, photo, lines)
    assert picture.dtype == np.uint8
    assert picture.shape in {shape, (*shape, 4)}
    assert np.array_equal(picture, drawn(name, photo, lines))
    assert np.array_equal(photo, given[0])
    assert np.array_equal(lines, given[1])


@every_style
@pytest.mark.parametrize("side", [1024, 2048])
def test_a_style_looks_the_same_at_every_size(name: str, side: int) -> None:
    photo, lines = sitter.photo(512), sitter.lines(512)
    large_photo = cv2.resize(photo, (side, side), interpolation=cv2.INTER_CUBIC)
    large = drawn(name, large_photo, enlarge(lines, (side, side)))
    reduced = cv2.resize(large, (512, 512), interpolation=cv2.INTER_AREA)
    assert alike(gray(reduced), gray(drawn(name, photo, lines))) > 0.93


@every_style
@pytest.mark.parametrize("level", [0, 255])
def test_a_black_or_white_photo_is_a_photo(name: str, level: int) -> None:
    photo = np.full((96, 128, 3), level, np.uint8)
    assert drawn(name, photo, np.ones((96, 128), np.float32)).shape[:2] == (96, 128)


def test_draw_is_the_original_apps_drawing() -> None:
    fused = np.random.default_rng(5).random((64, 64)).astype(np.float32)
    stretched = (fused - fused.min()) / (fused.max() - fused.min())
    original = ((1 - stretched) * 255).astype(np.uint8)
    picture = drawn("draw", np.zeros((64, 64, 3), np.uint8), 1 - stretched)
    assert np.abs(picture.astype(int) - original).max() <= 1


def sketched(photo: Photo, lines: LineMap) -> Picture:
    return drawn("sketch", photo, lines)


def test_a_sketch_leaves_the_background_blank() -> None:
    assert sketched(sitter.photo(256), sitter.lines(256))[:128, :32].min() == 255


def test_a_sketch_keeps_light_and_dark_skin_apart() -> None:
    lines = sitter.lines(256)
    forehead = (slice(80, 95), slice(112, 144))
    light, brown, dark = (
        sketched(sitter.photo(256, skin), lines)[forehead].mean()
        for skin in ((240, 205, 185), (160, 115, 90), (90, 60, 45))
    )
    assert light - brown > 25
    assert brown - dark > 25
    assert light > 200


def test_a_sketch_hatches_cheeks_lightly_in_one_direction() -> None:
    cheek = sketched(sitter.photo(512), sitter.lines(512))[262:302, 172:222].astype(float)
    assert 200 < cheek.mean() < 252
    assert cheek.std() > 2
    rising, falling = cheek - np.roll(cheek, (-4, 4), (0, 1)), cheek - np.roll(cheek, (4, 4), (0, 1))
    assert rising[8:-8, 8:-8].std() < 0.8 * falling[8:-8, 8:-8].std()


def test_a_sketch_is_the_same_wherever_its_photo_lies_in_memory() -> None:
    photo, lines = sitter.photo(260), sitter.lines(260)
    expected = sketched(photo, lines)
    for offset in (1, 2, 3):
        room = np.empty(photo.nbytes + offset, np.uint8)
        moved = room[offset:].reshape(photo.shape)
        moved[:] = photo
        plane = np.empty(lines.size + offset, np.float32)[offset:].reshape(lines.shape)
        plane[:] = lines
        assert np.array_equal(sketched(moved, plane), expected)


def test_a_sketch_ends_before_the_pictures_border() -> None:
    foot = sketched(sitter.photo(512), sitter.lines(512))[:, 200:312]
    assert foot[-1].mean() > 230 > 200 > foot[-60:-40].mean()


def test_a_sketch_of_nobody_is_bare_paper() -> None:
    assert sketched(sitter.photo(128), np.ones((128, 128), np.float32)).min() == 255


def test_a_sketch_is_darkest_at_the_drawn_lines() -> None:
    photo, lines = sitter.photo(256), sitter.lines(256)
    picture = sketched(photo, lines)
    face = np.zeros_like(lines, bool)
    face[70:160, 85:170] = True
    assert picture[face & (lines < 0.1)].mean() < 60 < 150 < picture[face & (lines > 0.99)].mean()


def on_white(picture: Picture) -> Picture:
    cover = picture[..., 3:].astype(float) / 255
    return np.round(picture[..., :3] * cover + 255 * (1 - cover)).astype(np.uint8)


ALL = np.ones((512, 512), np.float32)


@pytest.mark.parametrize("alpha", [0, 0.2, 0.5, 1])
def test_a_composite_of_a_gray_photo_is_the_published_mix(alpha: float) -> None:
    photo, lines = cv2.merge([cv2.cvtColor(sitter.photo(512), cv2.COLOR_RGB2GRAY)] * 3), sitter.lines(512)
    published = photo * alpha + lines[..., None] * 255 * (1 - alpha)
    assert np.abs(on_white(composite(photo, lines, ALL, Mix(alpha, 0))) - published).max() < 2.5


@pytest.mark.parametrize("sigma", [0, 2, 20, 50])
def test_a_composite_goes_from_the_drawing_to_the_photo(sigma: float) -> None:
    photo, lines = sitter.photo(512), sitter.lines(512)
    drawing, painted = (on_white(composite(photo, lines, ALL, Mix(alpha, sigma))) for alpha in (0, 1))
    assert np.abs(drawing - lines[..., None] * 255).max() <= 1
    assert np.abs(painted.astype(int) - photo).mean() < (1 if sigma == 0 else 8)


def test_a_composite_keeps_colours_where_the_published_mix_pales() -> None:
    photo, lines = sitter.photo(512), sitter.lines(512)
    cheek = (slice(262, 302), slice(172, 222))
    mixed = on_white(composite(photo, lines, ALL, MIX))[cheek]
    colour = np.ptp(photo[cheek].mean(axis=(0, 1)))
    assert 0.65 * colour < np.ptp(mixed.mean(axis=(0, 1))) <= colour
    assert photo[cheek].mean() + 10 < mixed.mean()


def test_a_composites_blur_ends_at_edges_and_takes_texture_away() -> None:
    photo = np.full((512, 512, 3), 60, np.uint8)
    photo[:, 256:] = (200, 170, 150)
    grainy = np.clip(photo + np.random.default_rng(0).normal(0, 8, photo.shape), 0, 255).astype(np.uint8)
    washed = on_white(composite(grainy, ALL, ALL, Mix(1, 20)))
    assert np.abs(washed[:, 236:246].astype(int) - photo[:, 236:246]).mean() < 6
    assert washed[100:400, 300:500, 0].std() < 0.5 * grainy[100:400, 300:500, 0].std()


def test_a_composites_blur_follows_the_size() -> None:
    photo = sitter.photo(512)
    plain = np.ones((512, 512), np.float32)
    small = composite(photo, plain, np.ones_like(plain), Mix(1, 10))[..., :3]
    larger = cv2.resize(plain, (1024, 1024))
    large = composite(cv2.resize(photo, (1024, 1024)), larger, np.ones_like(larger), Mix(1, 10))[..., :3]
    assert np.abs(cv2.resize(large, (512, 512), interpolation=cv2.INTER_AREA).astype(int) - small).mean() < 1

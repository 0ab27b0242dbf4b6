"""The page in Chromium, in front of a real TorchServe: what somebody sees and takes away."""

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import requests
from PIL import Image
from playwright.sync_api import expect

from scripts.serving.paths import SAMPLE
from tests.tools.page_driver import PageDriver, write_photo
from tests.tools.serving import Server

STYLES = {"draw": "Lines", "sketch": "Pencil", "composite": "Composite"}
Levels = npt.NDArray[np.int16]


def drawn_by(server: Server, photo: Path, **options: str) -> bytes:
    """Return what the server itself answers."""
    headers = {f"Portrait-{name}": value for name, value in options.items()}
    headers["Content-Type"] = "application/octet-stream"
    answer = requests.post(server.predictions, photo.read_bytes(), headers=headers, timeout=60)
    answer.raise_for_status()
    return answer.content


def levels(picture: bytes) -> Levels:
    """Decode a picture: (H, W, 4), wide enough for differences."""
    with Image.open(io.BytesIO(picture)) as image:
        return np.asarray(image.convert("RGBA"), np.int16)


def test_first_there_is_a_place_for_a_photo_and_an_example(visit: Callable[..., PageDriver]) -> None:
    driver = visit()
    expect(driver.page.get_by_role("heading", name="Drop a photo of a person here")).to_be_visible()
    expect(driver.page.get_by_role("button", name="Download")).to_be_hidden()
    assert driver.asked() == 0
    driver.page.get_by_role("button", name="Try it with the example").click()
    driver.see("example")


@pytest.mark.parametrize("style", STYLES)
def test_every_style_from_upload_to_download(
    visit: Callable[..., PageDriver], server: Server, photo: Path, style: str
) -> None:
    driver = visit()
    driver.bring(photo)
    driver.see("eileen")
    driver.choose("Style", STYLES[style])
    driver.see("eileen", STYLES[style])
    name, picture = driver.download()
    expected = levels(drawn_by(server, photo, style=style))
    assert name == f"eileen-{style}.png"
    assert np.abs(levels(picture) - expected).max() <= 2  # a level lost in laying ink on paper, here and there


def test_the_drop_area_becomes_the_picture(visit: Callable[..., PageDriver], photo: Path) -> None:
    driver = visit()
    area = driver.page.locator(".stage").bounding_box()
    driver.drop(photo)
    driver.see("eileen")
    picture = driver.page.locator("canvas.portrait").bounding_box()
    assert area is not None
    assert picture is not None
    assert area["x"] <= picture["x"] <= picture["x"] + picture["width"] <= area["x"] + area["width"]
    expect(driver.page.get_by_role("heading", name="Drop a photo")).to_be_hidden()


def test_styles_are_shown_small_once_the_picture_is_there(visit: Callable[..., PageDriver], tmp_path: Path) -> None:
    driver = visit()
    driver.page.evaluate(WEIGH)
    large = write_photo(tmp_path / "large.png", (1200, 1200))
    driver.bring(large)
    driver.see("large")
    driver.rest()
    asked = driver.page.evaluate("sizes")
    assert len(asked) == 3
    assert asked[0] == large.stat().st_size
    assert max(asked[1:]) < 60_000
    small = [driver.pixels(f".styles label:nth-child({place}) img") for place in (1, 2, 3)]
    assert len({picture.tobytes() for picture in small}) == 3
    assert np.ptp(small[2][..., :3].astype(int), axis=2).max() > 30  # the composite has colours
    assert np.ptp(small[0][..., :3].astype(int), axis=2).max() == 0


WEIGH = """() => {
    const { fetch } = window;
    window.sizes = [];
    window.fetch = (address, request) => {
        window.sizes.push(request.body.size);
        return fetch(address, request);
    };
}"""


def test_options_reach_the_server(visit: Callable[..., PageDriver], server: Server, photo: Path) -> None:
    driver = visit()
    driver.bring(photo)
    driver.see("eileen")
    driver.choose("Style", "Composite")
    driver.see("eileen", "Composite")
    driver.page.get_by_role("slider", name="Share of the photo").press("ArrowLeft")
    driver.page.get_by_role("slider", name="Softness of the photo").press("Home")
    driver.open_options()
    driver.choose("Scene", "Left out")
    driver.choose("Hand", "Bold")
    driver.page.get_by_role("combobox", name="Long side").select_option("512 pixels")
    driver.choose("File", "WebP")
    driver.choose("Paper", "None")
    driver.see("eileen", "Composite")
    options = {"style": "composite", "alpha": "0.45", "sigma": "0", "size": "512", "scene": "remove", "line": "bold"}
    expected = drawn_by(server, photo, **options, format="webp", background="transparent")
    assert driver.download() == ("eileen-composite.webp", expected)


def test_frames(visit: Callable[..., PageDriver], server: Server) -> None:
    driver = visit()
    driver.bring(SAMPLE)
    driver.see("astronaut")
    driver.open_options()
    for told, frame in (("Square", "stretch"), ("Face", "face")):
        driver.choose("Frame", told)
        driver.see("astronaut")
        expected = levels(drawn_by(server, SAMPLE, frame=frame))
        assert np.abs(levels(driver.download().content) - expected).max() <= 2
    # the photo is cut as the portrait is
    cut = driver.page.locator(".frame .photo")
    expect(cut).to_have_attribute("src", re.compile("^blob:"))
    height, width = expected.shape[:2]
    shown = driver.pixels(".frame .photo")
    assert abs(shown.shape[1] / shown.shape[0] - width / height) < 0.02


def test_pencil_leaves_the_scene_out_until_somebody_chooses(visit: Callable[..., PageDriver], photo: Path) -> None:
    driver = visit()
    driver.bring(photo)
    driver.open_options()
    scene = driver.page.get_by_role("radiogroup", name="Scene")
    driver.choose("Style", "Pencil")
    expect(scene.get_by_role("radio", name="Left out")).to_be_checked()
    driver.choose("Style", "Lines")
    expect(scene.get_by_role("radio", name="As it is")).to_be_checked()
    driver.choose("Scene", "Left out")
    driver.choose("Style", "Composite")
    expect(scene.get_by_role("radio", name="Left out")).to_be_checked()


def test_several_photos_come_in_one_archive_in_their_order(
    visit: Callable[..., PageDriver], server: Server, photo: Path
) -> None:
    others = [write_photo(photo.with_name(name), (256, 160)) for name in ("collins.png", "collins.webp")]
    driver = visit()
    driver.bring(photo, *others)
    driver.see("eileen")
    expect(driver.page.locator(".strip [data-state=drawn]")).to_have_count(3)
    entries = driver.page.locator(".strip .show").all()
    assert [entry.get_attribute("title") for entry in entries] == ["eileen.jpg", "collins.png", "collins.webp"]
    assert entries[0].get_attribute("aria-pressed") == "true"
    name, data = driver.download("Download all")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        found = {entry: archive.read(entry) for entry in archive.namelist()}
    assert name == "portraits.zip"
    assert list(found) == ["eileen-draw.png", "collins.png-draw.png", "collins.webp-draw.png"]
    for drawn, photo_of in zip(found.values(), (photo, *others), strict=True):
        assert np.abs(levels(drawn) - levels(drawn_by(server, photo_of))).max() <= 2


def test_a_photo_can_be_removed(visit: Callable[..., PageDriver], photo: Path) -> None:
    driver = visit()
    driver.bring(photo)
    driver.see("eileen")
    driver.page.get_by_role("button", name="Remove eileen.jpg").click()
    expect(driver.page.get_by_role("heading", name="Drop a photo")).to_be_visible()
    driver.bring(photo)
    driver.see("eileen")


@pytest.mark.parametrize("name", ["**bold** _x_ <img src=x onerror=alert(1)>.jpg", "a&amp;b.jpg"])
def test_file_names_are_text(visit: Callable[..., PageDriver], photo: Path, name: str) -> None:
    odd = photo.rename(photo.with_name(name))
    driver = visit()
    driver.bring(odd)
    driver.see(odd.stem)
    expect(driver.page.locator(".about")).to_have_text(f"{name} · 200 × 256")
    assert driver.page.locator("main b, main em, .about img").count() == 0

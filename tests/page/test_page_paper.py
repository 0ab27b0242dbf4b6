"""Paper, colour and file type are the page's own: they change at once, and the endpoint is not asked."""

import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.page.test_page import drawn_by, levels
from tests.tools.page_driver import PageDriver, write_photo
from tests.tools.serving import Server

KINDS = {"PNG": "PNG", "JPEG": "JPEG", "WebP": "WEBP"}


@pytest.fixture
def driver(visit: Callable[..., PageDriver], photo: Path) -> PageDriver:
    """Return somebody whose photo is drawn."""
    driver = visit(permissions=["clipboard-read", "clipboard-write"])
    driver.bring(photo)
    driver.see("eileen")
    driver.rest()
    return driver


def test_paper_changes_without_the_endpoint(driver: PageDriver, server: Server, photo: Path) -> None:
    asked = driver.asked()
    driver.choose("Paper", "Cream")
    assert driver.pixels(".portrait").reshape(-1, 4).max(axis=0).tolist() == [0xF6, 0xEE, 0xDD, 255]
    driver.page.get_by_label("Paper").get_by_role("radio", name="Colour", exact=True).check()
    driver.page.get_by_label("Colour of the paper").fill("#80c0ff")
    cream = levels(drawn_by(server, photo, background="#80c0ff"))
    assert np.abs(driver.pixels(".portrait").astype(np.int16) - cream).max() <= 2
    driver.choose("Paper", "None")
    bare = levels(drawn_by(server, photo, background="transparent"))
    assert np.abs(driver.pixels(".portrait")[..., 3].astype(np.int16) - bare[..., 3]).max() == 0
    assert driver.asked() == asked


@pytest.mark.parametrize("kind", KINDS)
def test_file_types_without_the_endpoint(driver: PageDriver, kind: str) -> None:
    asked = driver.asked()
    driver.choose("Paper", "Kraft")
    driver.choose("File", kind)
    name, data = driver.download()
    with Image.open(io.BytesIO(data)) as picture:
        assert (picture.format, picture.size) == (KINDS[kind], (200, 256))
        assert not picture.getexif()
    suffix = {"JPEG": "jpg"}.get(kind, kind.lower())
    assert name == f"eileen-draw.{suffix}"
    assert np.abs(levels(data)[0, 0] - [0xD9, 0xBF, 0x98, 255]).max() <= 12
    assert driver.asked() == asked


def test_svg_is_asked_for_once(driver: PageDriver, server: Server, photo: Path) -> None:
    asked = driver.asked()
    driver.choose("File", "SVG")
    white = drawn_by(server, photo, format="svg")
    assert driver.download() == ("eileen-draw.svg", white)
    driver.choose("Paper", "Cream")
    assert driver.download() == ("eileen-draw.svg", white.replace(b"#ffffff", b"#f6eedd"))
    assert driver.asked() == asked + 1


def test_svg_is_offered_for_lines_alone(driver: PageDriver) -> None:
    driver.choose("File", "SVG")
    driver.choose("Style", "Pencil")
    files = driver.page.get_by_role("radiogroup", name="File").get_by_role("radio")
    expect(files).to_have_count(3)
    expect(files.first).to_be_checked()


def test_transparent_paper_is_not_offered_for_jpeg(driver: PageDriver) -> None:
    driver.choose("Paper", "None")
    driver.choose("File", "JPEG")
    paper = driver.page.get_by_role("radiogroup", name="Paper")
    expect(paper.get_by_role("radio", name="None")).to_have_count(0)
    expect(paper.get_by_role("radio", name="White")).to_be_checked()
    assert driver.download().content.startswith(b"\xff\xd8")


def test_copy(driver: PageDriver) -> None:
    driver.choose("Paper", "Sky")
    driver.page.get_by_role("button", name="Copy").click()
    driver.read("Copied.")
    copied = bytes(driver.page.evaluate(PASTED))
    assert np.abs(levels(copied) - driver.pixels(".portrait")).max() == 0


PASTED = """async () => {
    const [item] = await navigator.clipboard.read();
    return [...new Uint8Array(await (await item.getType("image/png")).arrayBuffer())];
}"""


@pytest.mark.parametrize(("size", "sheet"), [((300, 400), (595, 842)), ((400, 300), (842, 595))])
def test_print_is_one_sheet_of_a4_full_of_the_picture(
    visit: Callable[..., PageDriver], tmp_path: Path, size: tuple[int, int], sheet: tuple[int, int]
) -> None:
    driver = visit()
    driver.bring(write_photo(tmp_path / "tall.jpg", size))
    driver.see("tall")
    pdf = driver.page.pdf(prefer_css_page_size=True, print_background=True)
    boxes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pdf)
    assert [(round(float(width)), round(float(height))) for width, height in boxes] == [sheet]
    driver.page.emulate_media(media="print")
    expect(driver.page.locator(".panel, header, footer, .tray, .handle").filter(visible=True)).to_have_count(0)


def test_zoom(driver: PageDriver) -> None:
    driver.page.get_by_role("button", name="Zoom").click()
    viewer = driver.page.get_by_role("dialog")
    picture = viewer.locator("canvas")
    fitted = picture.bounding_box()
    for _ in range(2):
        viewer.get_by_role("button", name="Larger").click()
    larger = picture.bounding_box()
    assert fitted is not None
    assert larger is not None
    assert larger["width"] == pytest.approx(fitted["width"] * 1.5**2, rel=0.02)
    driver.page.keyboard.press("0")
    assert picture.bounding_box() == pytest.approx(fitted)
    driver.page.keyboard.press("Escape")
    expect(viewer).to_be_hidden()

"""The page in Chromium, in front of a real TorchServe: what a driver sees and takes away."""

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from playwright.sync_api import expect

from tests.tools.page_driver import Arrived, PageDriver, write_photo
from tests.tools.serving import Server

STYLES = {"draw": "Lines", "sketch": "Pencil", "composite": "Composite"}


def drawn_by(server: Server, photo: Path, **options: str) -> bytes:
    """Return what the server itself answers."""
    headers = {f"Portrait-{name}": value for name, value in options.items()}
    headers["Content-Type"] = "application/octet-stream"
    answer = requests.post(server.predictions, photo.read_bytes(), headers=headers, timeout=60)
    answer.raise_for_status()
    return answer.content


def test_first_there_is_an_example(visit: Callable[..., PageDriver]) -> None:
    driver = visit()
    driver.see("astronaut")
    driver.read("An example.")


@pytest.mark.parametrize("style", STYLES)
def test_every_style_from_upload_to_download(
    visit: Callable[..., PageDriver], server: Server, photo: Path, style: str
) -> None:
    driver = visit()
    driver.bring(photo)
    driver.see("eileen")
    driver.choose("Style", STYLES[style])
    driver.see("eileen", STYLES[style])
    expected = Arrived("eileen-portrait.png", drawn_by(server, photo, style=style))
    assert driver.download(until=expected) == expected


def test_options_reach_the_server(visit: Callable[..., PageDriver], server: Server, photo: Path) -> None:
    driver = visit()
    driver.bring(photo)
    driver.choose("Style", "Composite")
    driver.see("eileen", "Composite")
    driver.page.get_by_role("slider", name="Share of the photo").press("ArrowLeft")
    driver.page.get_by_role("slider", name="Softness of the photo").press("Home")
    driver.page.get_by_text("More options").click()
    driver.choose("File", "WebP")
    driver.choose("Paper", "None")
    driver.pick("Long side", "512 pixels")
    options = {"style": "composite", "alpha": "0.45", "sigma": "0", "size": "512"}
    options |= {"format": "webp", "background": "transparent"}
    expected = Arrived("eileen-portrait.webp", drawn_by(server, photo, **options))
    assert driver.download(until=expected) == expected


def test_frames(visit: Callable[..., PageDriver], server: Server, photo: Path) -> None:
    driver = visit()
    driver.bring(photo)
    driver.see("eileen")
    driver.page.get_by_text("More options").click()
    for told, frame in (("Square", "stretch"), ("Face", "face")):
        driver.choose("Frame", told)
        expected = Arrived("eileen-portrait.png", drawn_by(server, photo, frame=frame))
        assert driver.download(until=expected) == expected


def test_transparent_paper_is_not_offered_for_jpeg(visit: Callable[..., PageDriver], photo: Path) -> None:
    driver = visit()
    driver.page.get_by_text("More options").click()
    driver.choose("Paper", "None")
    driver.see("astronaut")
    driver.choose("File", "JPEG")
    driver.read(re.compile(r"JPEG, \d+ kB"))
    papers = driver.page.get_by_role("radiogroup", name="Paper").get_by_role("radio")
    expect(papers).to_have_text(["White", "Colour"])
    assert driver.download().content.startswith(b"\xff\xd8")


def test_several_photos_come_in_one_archive(visit: Callable[..., PageDriver], server: Server, photo: Path) -> None:
    other = write_photo(photo.with_name("collins.png"), (256, 160))
    driver = visit()
    driver.bring(photo, other)
    driver.see("eileen")
    driver.see("collins")
    name, data = driver.download("Download all")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        found = {entry[3:]: archive.read(entry) for entry in archive.namelist()}
    assert name == "portraits.zip"
    assert found == {
        "eileen-portrait.png": drawn_by(server, photo),
        "collins-portrait.png": drawn_by(server, other),
    }

"""The page in Chromium, in front of a real TorchServe: what a visitor sees and takes away."""

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from playwright.sync_api import expect

from tests.tools.page_driver import Arrived, Visitor, write_photo
from tests.tools.serving import Server

STYLES = {"draw": "Lines", "sketch": "Pencil", "composite": "Composite"}


def drawn_by(server: Server, photo: Path, **options: str) -> bytes:
    """Return what the server itself answers."""
    headers = {f"Portrait-{name}": value for name, value in options.items()}
    headers["Content-Type"] = "application/octet-stream"
    answer = requests.post(server.predictions, photo.read_bytes(), headers=headers, timeout=60)
    answer.raise_for_status()
    return answer.content


def test_first_there_is_an_example(visit: Callable[..., Visitor]) -> None:
    visitor = visit()
    visitor.see("astronaut")
    visitor.read("An example.")


@pytest.mark.parametrize("style", STYLES)
def test_every_style_from_upload_to_download(
    visit: Callable[..., Visitor], server: Server, photo: Path, style: str
) -> None:
    visitor = visit()
    visitor.bring(photo)
    visitor.see("eileen")
    visitor.choose("Style", STYLES[style])
    visitor.see("eileen", STYLES[style])
    expected = Arrived("eileen-portrait.png", drawn_by(server, photo, style=style))
    assert visitor.download(until=expected) == expected


def test_options_reach_the_server(visit: Callable[..., Visitor], server: Server, photo: Path) -> None:
    visitor = visit()
    visitor.bring(photo)
    visitor.choose("Style", "Composite")
    visitor.see("eileen", "Composite")
    visitor.page.get_by_role("slider", name="Share of the photo").press("ArrowLeft")
    visitor.page.get_by_role("slider", name="Softness of the photo").press("Home")
    visitor.page.get_by_text("More options").click()
    visitor.choose("File", "WebP")
    visitor.choose("Paper", "None")
    visitor.pick("Long side", "512 pixels")
    options = {"style": "composite", "alpha": "0.45", "sigma": "0", "size": "512"}
    options |= {"format": "webp", "background": "transparent"}
    expected = Arrived("eileen-portrait.webp", drawn_by(server, photo, **options))
    assert visitor.download(until=expected) == expected


def test_frames(visit: Callable[..., Visitor], server: Server, photo: Path) -> None:
    visitor = visit()
    visitor.bring(photo)
    visitor.see("eileen")
    visitor.page.get_by_text("More options").click()
    for told, frame in (("Square", "stretch"), ("Face", "face")):
        visitor.choose("Frame", told)
        expected = Arrived("eileen-portrait.png", drawn_by(server, photo, frame=frame))
        assert visitor.download(until=expected) == expected


def test_transparent_paper_is_not_offered_for_jpeg(visit: Callable[..., Visitor], photo: Path) -> None:
    visitor = visit()
    visitor.page.get_by_text("More options").click()
    visitor.choose("Paper", "None")
    visitor.see("astronaut")
    visitor.choose("File", "JPEG")
    visitor.read(re.compile(r"JPEG, \d+ kB"))
    papers = visitor.page.get_by_role("radiogroup", name="Paper").get_by_role("radio")
    expect(papers).to_have_text(["White", "Colour"])
    assert visitor.download().content.startswith(b"\xff\xd8")


def test_several_photos_come_in_one_archive(visit: Callable[..., Visitor], server: Server, photo: Path) -> None:
    other = write_photo(photo.with_name("collins.png"), (256, 160))
    visitor = visit()
    visitor.bring(photo, other)
    visitor.see("eileen")
    visitor.see("collins")
    name, data = visitor.download("Download all")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        found = {entry[3:]: archive.read(entry) for entry in archive.namelist()}
    assert name == "portraits.zip"
    assert found == {
        "eileen-portrait.png": drawn_by(server, photo),
        "collins-portrait.png": drawn_by(server, other),
    }

"""Somebody at the page, with a real Chromium."""

import mimetypes
import re
from base64 import b64decode
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Playwright, expect

from scripts.serving.paths import SAMPLE

PATIENCE_MS = 90_000
# Nothing that calls home; a camera that shows a test picture.
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]


def launch(playwright: Playwright, chromium: str) -> Browser:
    """Start Chromium; what a test expects of it has as long as every other step."""
    expect.set_options(timeout=PATIENCE_MS)
    return playwright.chromium.launch(executable_path=chromium, args=FLAGS)


DROPPED = """files => {
    const transfer = new DataTransfer();
    for (const [name, type, bytes] of files) transfer.items.add(new File([new Uint8Array(bytes)], name, { type }));
    return transfer;
}"""
SHOWN = """selector => {
    const shown = document.querySelector(selector);
    const canvas = document.createElement("canvas");
    canvas.width = shown.naturalWidth || shown.width;
    canvas.height = shown.naturalHeight || shown.height;
    canvas.getContext("2d").drawImage(shown, 0, 0, canvas.width, canvas.height);
    return canvas.toDataURL("image/png").split(",")[1];
}"""
Pixels = npt.NDArray[np.uint8]


class Arrived(NamedTuple):
    """A file that was downloaded."""

    name: str
    content: bytes


class PageDriver:
    """What one person does and sees, in a window of their own.

    `elsewhere` holds the addresses that the page fetched from other machines, `requests` all of them, `faults` what the
    browser complained of.
    """

    def __init__(self, browser: Browser, address: str, **window: Any) -> None:
        self.elsewhere: list[str] = []
        self.requests: list[str] = []
        self.faults: list[str] = []
        self.context = browser.new_context(**window)
        self.context.set_default_timeout(PATIENCE_MS)
        self.page: Page = self.context.new_page()
        self.page.on("request", lambda request: self._note(request.url, address))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", lambda line: self._hear(line))
        self.page.goto(address)

    def _note(self, url: str, address: str) -> None:
        self.requests.append(url)
        if not url.startswith((address, "blob:")):
            self.elsewhere.append(url)

    def _hear(self, line: ConsoleMessage) -> None:
        # refused photos and the HEIC that Chromium cannot show are in the console, too
        if line.type == "error" and not line.text.startswith("Failed to load resource"):
            self.faults.append(line.text)

    def bring(self, *photos: Path) -> None:
        """Choose files."""
        self.page.locator("input.files").set_input_files(photos)

    def drop(self, *photos: Path) -> None:
        """Let files fall onto the page."""
        files = [[photo.name, mimetypes.guess_type(photo)[0] or "", list(photo.read_bytes())] for photo in photos]
        transfer = self.page.evaluate_handle(DROPPED, files)
        self.page.locator(".stage").dispatch_event("drop", {"dataTransfer": transfer})

    def choose(self, control: str, value: str) -> None:
        """Choose a value of a control such as Style."""
        self.page.get_by_role("radiogroup", name=control).get_by_role("radio", name=value, exact=True).check()

    def open_options(self) -> None:
        """Show the options that are not seen at first."""
        self.page.get_by_text("More options").click()

    def see(self, name: str, style: str = "Lines") -> Locator:
        """Wait for the portrait of a photo in a style and have it on the stage; the slider over it."""
        entry = self.page.locator(".strip .show").filter(has_text=f"{name} is drawn: {style}").first
        entry.wait_for()
        if entry.get_attribute("aria-pressed") != "true":
            entry.click()
        self.page.locator(".told").filter(has_text=f"{name} is drawn: {style}").wait_for(state="attached")
        return self.page.get_by_role("slider", name=f"Compare photo and portrait of {name}")

    def rest(self) -> None:
        """Wait until every thumbnail is there."""
        expect(self.page.locator(".styles img[src^='blob:']:not(.old)")).to_have_count(3)

    def download(self, button: str = "Download") -> Arrived:
        """Press the button; what arrives."""
        with self.page.expect_download() as event:
            self.page.get_by_role("button", name=button, exact=True).click()
        return Arrived(event.value.suggested_filename, Path(event.value.path()).read_bytes())

    def pixels(self, selector: str) -> Pixels:
        """Return what an image or canvas of the page shows: uint8 (H, W, 4)."""
        png = b64decode(self.page.evaluate(SHOWN, selector))
        return np.asarray(Image.open(BytesIO(png)).convert("RGBA"))

    def asked(self) -> int:
        """Return how often the endpoint was asked."""
        return len([url for url in self.requests if url.endswith("/predictions/portrait")])

    def read(self, text: str | re.Pattern[str]) -> None:
        """Wait for a message."""
        self.page.get_by_text(text).first.wait_for()


def write_photo(path: Path, size: tuple[int, int], orientation: int = 1) -> Path:
    """Write the astronaut at another size, with EXIF's orientation; return the path."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    with Image.open(SAMPLE) as image:
        image.resize(size).save(path, quality=90, exif=exif)
    return path

"""Somebody at the page, with a real Chromium."""

import re
import time
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image
from playwright.sync_api import Browser, Locator, Page, Playwright, expect

from web.photos import SAMPLE

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


class Arrived(NamedTuple):
    """A file that was downloaded."""

    name: str
    content: bytes


class PageDriver:
    """What one person does and sees, in a window of their own.

    `elsewhere` holds the addresses that the page fetched from other machines, `faults` what the browser complained of.
    """

    def __init__(self, browser: Browser, address: str, **window: Any) -> None:
        self.elsewhere: list[str] = []
        self.faults: list[str] = []
        self.context = browser.new_context(**window)
        self.context.set_default_timeout(PATIENCE_MS)
        self.page: Page = self.context.new_page()
        self.page.on("request", lambda request: self._note(request.url, address))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.goto(address)

    def _note(self, url: str, address: str) -> None:
        if not url.startswith((address, address.replace("http:", "ws:"), "data:", "blob:")):
            self.elsewhere.append(url)

    def bring(self, *photos: Path) -> None:
        """Choose files."""
        self.page.locator("input[type=file]").first.set_input_files(photos)

    def choose(self, control: str, value: str) -> None:
        """Choose a value of a control such as Style."""
        self.page.get_by_role("radiogroup", name=control).get_by_text(value, exact=True).click()

    def pick(self, control: str, value: str) -> None:
        """Choose a value of a list such as Long side."""
        box = self.page.get_by_role("combobox", name=control)
        box.scroll_into_view_if_needed()
        self.rest()  # an open list closes when the page moves under it
        box.click()
        self.page.get_by_role("option", name=value).click()

    def see(self, name: str, style: str = "Lines") -> Locator:
        """Wait for the portrait of a photo in a style and for the page to be at rest; the slider over it."""
        self.page.get_by_text(f"{name} is drawn: {style}", exact=True).wait_for(state="attached")
        self.rest()
        return self.page.get_by_role("slider", name=f"Compare photo and portrait of {name}")

    def rest(self) -> None:
        """Wait until the page has nothing left to do and nothing on it moves or fades."""
        # A click reaches the server a moment later than it is made.
        self.page.wait_for_timeout(250)
        self.page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for()
        # Chromium may go on listing a transition that has finished until it paints the next frame.
        self.page.wait_for_function("!document.getAnimations().some(moving => moving.playState === 'running')")

    def download(self, button: str = "Download", until: Arrived | None = None) -> Arrived:
        """Press the button; what arrives.

        A choice takes its time to the server and back, so the button is pressed again while something else than
        `until` arrives and patience lasts.
        """
        deadline = time.monotonic() + PATIENCE_MS / 1000
        while (arrived := self._press(button)) != until and until and time.monotonic() < deadline:
            self.page.wait_for_timeout(250)
        return arrived

    def _press(self, button: str) -> Arrived:
        with self.page.expect_download() as event:
            self.page.get_by_role("button", name=button, exact=True).click()
        return Arrived(event.value.suggested_filename, Path(event.value.path()).read_bytes())

    def read(self, text: str | re.Pattern[str]) -> None:
        """Wait for a message."""
        self.page.get_by_text(text).first.wait_for()


def write_photo(path: Path, size: tuple[int, int]) -> Path:
    """Return the astronaut at another size."""
    with Image.open(SAMPLE) as image:
        image.resize(size).save(path, quality=90)
    return path

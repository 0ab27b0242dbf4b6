"""Renews the README's pictures of the page, with the sample on it.

Needs requirements/test.txt, Debian's Chromium and a running page: `bash scripts/serve.sh --web`.
"""

import argparse
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from PIL import Image
from playwright.sync_api import Browser, expect

from model.files import whole
from scripts.pictures.chromium import PATIENCE_MS, chromium
from scripts.serving.paths import ROOT, SAMPLE

FOLDER = ROOT / "docs"


class Window(NamedTuple):
    """How somebody looks at the page."""

    name: str
    width: int
    height: int
    colours: Literal["light", "dark"]
    style: str


WINDOWS = (
    Window("page", 1200, 860, "light", "Pencil"),
    Window("page-phone", 390, 844, "dark", "Lines"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Write one WebP file a window; status 1 without Chromium."""
    parser = argparse.ArgumentParser(description="Renew the README's pictures of the page.")
    parser.add_argument("--page", default="http://127.0.0.1:8501", help="where it is")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder for the pictures (default: docs)")
    options = parser.parse_args(argv)
    with chromium() as browser:
        for window in WINDOWS:
            path = options.out / f"{window.name}.webp"
            with Image.open(io.BytesIO(_look(browser, options.page, window))) as picture, whole(path) as part:
                picture.save(part, quality=85)
            print(path)
    return 0


def _look(browser: Browser, address: str, window: Window) -> bytes:
    """PNG of the page once the sample is drawn in every style."""
    page = browser.new_page(
        viewport={"width": window.width, "height": window.height}, color_scheme=window.colours, device_scale_factor=1.5
    )
    page.set_default_timeout(PATIENCE_MS)
    page.goto(address)
    page.locator("input.files").set_input_files(SAMPLE)
    page.get_by_role("radio", name=window.style).check()
    page.locator(".told").filter(has_text=f"is drawn: {window.style}").wait_for(state="attached")
    expect(page.locator(".styles img[src^='blob:']:not(.old)")).to_have_count(3, timeout=PATIENCE_MS)
    page.get_by_role("slider", name="Compare").fill("47")  # through the face
    page.evaluate("document.activeElement.blur()")
    page.mouse.move(0, 0)
    page.wait_for_timeout(1500)  # for what fades
    return page.screenshot()


if __name__ == "__main__":
    sys.exit(main())

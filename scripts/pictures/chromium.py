"""Debian's Chromium, to look at the page with."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

PATIENCE_MS = 120_000  # for a page whose server draws on a busy machine


@contextmanager
def chromium() -> Iterator[Browser]:
    """Yield it, without a window. Raises `SystemExit`, with what to install, where it is missing."""
    path = shutil.which("chromium")
    if path is None:
        raise SystemExit("Chromium is missing. Install it:  sudo apt-get install -y chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()

"""The page in front of the session's TorchServe, and a Chromium to look at it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from scripts.serving.page import start_page, stop_page
from scripts.serving.settings import HOST, Ports
from tests.tools.page_driver import PageDriver, launch, write_photo
from tests.tools.serving import Server

CHROMIUM = shutil.which("chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; closed after each file, for Playwright keeps an event loop running."""
    if CHROMIUM is None:
        pytest.skip("no Chromium to look at the page with:  sudo apt-get install -y chromium")
    with sync_playwright() as playwright:
        browser = launch(playwright, CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def start(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Ports], str]]:
    """Start the page of the server on these ports; its address."""
    started = []

    def start_one(ports: Ports) -> str:
        folder = tmp_path_factory.mktemp("server")
        started.append((folder, start_page(folder, ports, tied=True)))
        return f"http://{HOST}:{ports.page}"

    yield start_one
    for folder, process in started:
        stop_page(folder)
        process.wait()


@pytest.fixture(scope="module")
def address(start: Callable[[Ports], str], server: Server) -> str:
    """Where the page is that draws by the session's server."""
    return start(server.run.ports)


@pytest.fixture
def visit(browser: Browser, address: str) -> Iterator[Callable[..., PageDriver]]:
    """Open the page; afterwards nothing was fetched from elsewhere and the browser found no fault."""
    visitors = []

    def open_page(address: str = address, **window: Any) -> PageDriver:
        visitors.append(PageDriver(browser, address, **window))
        return visitors[-1]

    yield open_page
    for driver in visitors:
        driver.context.close()
        assert (driver.elsewhere, driver.faults) == ([], [])


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """Return a photo of the astronaut, small and upright."""
    return write_photo(tmp_path / "eileen.jpg", (200, 256))

"""A page of another origin calls the service from Chromium: the recipes, by the proxy and by TorchServe."""

import re
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from scripts.serving.machine import arrange
from scripts.serving.page import start_page, stop_page
from scripts.serving.paths import ROOT, SAMPLE
from scripts.serving.server import Run
from scripts.serving.settings import HOST
from tests.tools.proxy import NGINX, start_proxy
from tests.tools.serving import Server, free_ports, serving

PHOTO = SAMPLE.read_bytes()
FORM, FETCH, FRAME = re.findall(r"```html\n(.*?)```", (ROOT / "docs" / "recipes.md").read_text(), re.DOTALL)


class _Blank(BaseHTTPRequestHandler):
    """An empty page."""

    def do_GET(self) -> None:
        """Answer whatever is asked for."""
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing is said."""


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    """Where pages are that are none of ours."""
    with ThreadingHTTPServer((HOST, 0), _Blank) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{HOST}:{server.server_port}"
        server.shutdown()


@pytest.fixture
def page(browser: Browser, origin: str) -> Iterator[Page]:
    """Open a page there."""
    page = browser.new_page()
    page.goto(origin)
    yield page
    page.close()


def draw(page: Page, address: str, **headers: str) -> dict[str, Any]:
    """Draw from the page -> what its script could read."""
    script = """async ([bytes, address, headers]) => {
        const photo = new Blob([new Uint8Array(bytes)], {type: "image/jpeg"});
        const answer = await fetch(address, {method: "POST", body: photo, headers});
        const body = await answer.arrayBuffer();
        return {status: answer.status, size: answer.headers.get("Portrait-Size"), bytes: body.byteLength,
                id: answer.headers.get("X-Request-ID")};
    }"""
    told: dict[str, Any] = page.evaluate(script, [list(PHOTO), f"{address}/predictions/portrait", headers])
    return told


def is_blocked(page: Page, address: str) -> bool:
    """Whether Chromium keeps the answer from the page."""
    with pytest.raises(Exception, match="Failed to fetch"):
        draw(page, address)
    return True


@pytest.mark.skipif(NGINX is None, reason="no nginx here; get it with: bash tests/tools/fetch_nginx.sh")
def test_a_page_that_is_named_draws_by_the_proxy(
    page: Page, origin: str, server: Server, tmp_path_factory: pytest.TempPathFactory
) -> None:
    keys, origins = '"~^Bearer Ab1$" anna;\n', f'"{origin}" 1;\n'
    proxy = start_proxy(tmp_path_factory.mktemp("nginx"), server.run.ports, keys=keys, origins=origins)
    try:
        address = proxy.url("")
        told = draw(page, address, **{"Authorization": "Bearer Ab1", "Portrait-Style": "sketch"})
        assert (told["status"], told["size"]) == (200, "512x512")
        assert told["bytes"] > 10_000
        assert told["id"]
        assert draw(page, address)["status"] == 401  # readable, so that the page can say why
        assert draw(page, address, **{"Authorization": "Bearer Ab1", "Portrait-Style": "oil"})["status"] == 400
    finally:
        proxy.stop()


@pytest.mark.skipif(NGINX is None, reason="no nginx here; get it with: bash tests/tools/fetch_nginx.sh")
def test_no_other_page_draws_by_the_proxy(page: Page, server: Server, tmp_path_factory: pytest.TempPathFactory) -> None:
    proxy = start_proxy(tmp_path_factory.mktemp("nginx"), server.run.ports, origins='"https://app.example" 1;\n')
    try:
        assert is_blocked(page, proxy.url(""))
    finally:
        proxy.stop()


def test_no_page_elsewhere_draws_by_torchserve_unless_it_is_named(page: Page, server: Server) -> None:
    assert is_blocked(page, server.rest)


@pytest.fixture(scope="module")
def named(origin: str, server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """TorchServe that names the page's origin."""
    folder, same = tmp_path_factory.mktemp("server"), server.run
    with serving(Run(free_ports(), arrange(1, 2**33), False, same.archive, same.java, folder, origin=origin)) as named:
        yield named


def test_a_page_that_is_named_draws_by_torchserve(page: Page, named: Server) -> None:
    told = draw(page, named.rest, **{"Portrait-Size": "64"})
    assert (told["status"], told["size"]) == (200, "64x64")
    assert draw(page, named.rest, **{"Portrait-Size": "7"})["status"] == 400


@pytest.mark.parametrize("named", [True, False])
def test_a_page_that_is_named_frames_ours(page: Page, origin: str, server: Server, tmp_path: Path, named: bool) -> None:
    ports = replace(server.run.ports, page=free_ports().page)
    process = start_page(tmp_path, ports, tied=True, origin=origin if named else "")
    try:
        address = f"http://{HOST}:{ports.page}"
        with page.expect_event("framenavigated", lambda frame: frame.parent_frame is not None) as shown:
            page.set_content(FRAME.replace("http://127.0.0.1:8501", address))
        assert shown.value.url.startswith(address if named else "chrome-error:")
    finally:
        stop_page(tmp_path)
        process.wait()


def test_the_form_of_the_recipes_shows_the_picture_in_its_place(page: Page, server: Server) -> None:
    page.set_content(FORM.replace("http://127.0.0.1:8080", server.rest))
    page.set_input_files("input", SAMPLE)
    page.select_option("select", "sketch")
    with page.expect_navigation() as navigation:
        page.click("button")
    answer = navigation.value
    assert answer
    assert (answer.status, answer.headers["portrait-style"]) == (200, "sketch")
    assert answer.headers["content-type"] == "image/webp"  # which Chromium's Accept likes best


def test_fetch_of_the_recipes_shows_the_picture_and_what_is_wrong(page: Page, named: Server, tmp_path: Path) -> None:
    page.set_content(FETCH.replace("http://127.0.0.1:8080", named.rest))
    page.set_input_files("input", SAMPLE)
    page.wait_for_function("document.querySelector('img').naturalWidth === 512")
    (tmp_path / "no.jpg").write_bytes(b"no photo")
    page.set_input_files("input", tmp_path / "no.jpg")
    page.wait_for_function("document.querySelector('img').alt.startsWith('photo: ')")

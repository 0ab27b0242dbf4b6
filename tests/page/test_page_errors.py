"""What a driver is told when something goes wrong, and that the rest goes on."""

import contextlib
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Locator, Route, expect

from scripts.serving.settings import HOST, Ports
from tests.tools.page_driver import PageDriver
from tests.tools.proxy import NGINX, start_proxy
from tests.tools.serving import Server, free_ports

TOO_MANY_PIXELS = (10_000, 6_501)


def problems(driver: PageDriver) -> Locator:
    """Return what is told of photos that are not drawn."""
    return driver.page.get_by_role("alert").get_by_role("listitem")


def test_what_is_no_photo_is_told_and_its_neighbour_drawn(visit: Callable[..., PageDriver], photo: Path) -> None:
    letter = photo.with_name("letter.jpg")
    letter.write_text("Dear Eileen")
    driver = visit()
    driver.bring(letter, photo)
    driver.see("eileen")
    expect(problems(driver)).to_have_count(1)
    assert problems(driver).inner_text().startswith("letter.jpg: ")
    assert "JPEG, PNG, WebP" in problems(driver).inner_text()
    expect(driver.page.get_by_role("button", name="Download all")).to_be_hidden()


def test_a_file_that_is_too_large_is_told_before_it_is_sent(visit: Callable[..., PageDriver], photo: Path) -> None:
    large = photo.with_name("large.jpg")
    large.write_bytes(photo.read_bytes() + bytes(20 * 2**20))
    driver = visit()
    driver.bring(large)
    expect(problems(driver)).to_have_text("large.jpg: The file has 21.0 MB; it may have 20 MB.")
    assert driver.asked() == 0
    driver.bring(photo)
    driver.see("eileen")


def test_more_photos_than_the_page_takes(visit: Callable[..., PageDriver], photo: Path) -> None:
    letters = [photo.with_name(f"{number}.txt") for number in range(51)]
    for letter in letters:
        letter.write_text("Dear Eileen")
    driver = visit()
    driver.bring(*letters)
    driver.read("Of more than 50 photos at once, the first 50 are taken.")
    expect(driver.page.locator(".strip li")).to_have_count(50)


def test_too_many_pixels_are_told(visit: Callable[..., PageDriver], photo: Path) -> None:
    wide = photo.with_name("wide.png")
    Image.new("1", TOO_MANY_PIXELS).save(wide)
    driver = visit()
    driver.bring(wide)
    expect(problems(driver)).to_contain_text("megapixels")


def test_a_server_that_is_away_is_told_and_tried_again(
    visit: Callable[..., PageDriver], start: Callable[[Ports], str], server: Server, photo: Path
) -> None:
    ports = free_ports()
    driver = visit(start(ports))
    driver.bring(photo)
    expect(problems(driver)).to_contain_text("does not answer")
    assert "bash scripts/serve.sh" in problems(driver).inner_text()
    forward(ports.rest, server.run.ports.rest)
    driver.page.get_by_role("button", name="Try again").click()
    driver.see("eileen")
    expect(problems(driver)).to_have_count(0)


def test_a_server_that_is_busy_is_asked_again(visit: Callable[..., PageDriver], photo: Path) -> None:
    driver = visit()
    answers = iter([503, 429])

    def busy(route: Route) -> None:
        status = next(answers, None)
        if status:
            route.fulfill(status=status, headers={"Retry-After": "0"})
        else:
            route.continue_()

    driver.page.route("**/predictions/portrait", busy)
    driver.bring(photo)
    driver.see("eileen")


@pytest.mark.skipif(NGINX is None, reason="no nginx here; get it with: bash tests/tools/fetch_nginx.sh")
def test_behind_the_proxy_the_page_asks_for_the_key(
    visit: Callable[..., PageDriver], server: Server, photo: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("nginx")
    proxy = start_proxy(folder, server.run.ports, keys='"~^Bearer Ab1$" anna;\n', page=True)
    try:
        driver = visit(proxy.url("/"))
        driver.bring(photo)
        expect(problems(driver)).to_contain_text("This server asks for a key.")
        driver.page.get_by_label("Key of this server").fill("Ab1")
        driver.page.get_by_role("button", name="Use it").click()
        driver.see("eileen")
        expect(driver.page.get_by_label("Key of this server")).to_be_hidden()
    finally:
        proxy.stop()


def forward(port: int, target: int) -> None:
    """Let `port` lead to `target` from now on."""
    listener = socket.create_server((HOST, port))

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):  # either end may just hang up
            while data := source.recv(65536):
                sink.sendall(data)

    def join(client: socket.socket) -> None:
        with client, socket.create_connection((HOST, target)) as server:
            threading.Thread(target=pump, args=(client, server), daemon=True).start()
            pump(server, client)

    def serve() -> None:
        with listener:
            while True:
                threading.Thread(target=join, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()

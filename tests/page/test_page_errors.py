"""What a driver is told when something goes wrong, and that the rest goes on."""

import contextlib
import socket
import threading
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import expect

from scripts.serving.settings import HOST, Ports
from tests.tools.page_driver import PageDriver
from tests.tools.serving import Server, free_ports

TOO_MANY_PIXELS = (10_000, 6_501)


def test_what_is_no_photo_is_told_and_its_neighbour_drawn(visit: Callable[..., PageDriver], photo: Path) -> None:
    letter = photo.with_name("letter.jpg")
    letter.write_text("Dear Eileen")
    driver = visit()
    driver.bring(letter, photo)
    driver.see("eileen")
    message = driver.page.get_by_role("alert").filter(has_text="letter")
    assert "JPEG, PNG, WebP" in message.inner_text()
    expect(driver.page.get_by_role("button", name="Download", exact=True)).to_have_count(1)


def test_a_file_that_is_too_large_is_told_before_it_is_sent(visit: Callable[..., PageDriver], photo: Path) -> None:
    large = photo.with_name("large.jpg")
    large.write_bytes(photo.read_bytes() + bytes(20 * 2**20))
    driver = visit()
    driver.bring(large, photo)
    driver.see("eileen")
    message = driver.page.get_by_text("File must be 20.0MB or smaller.")
    assert message.bounding_box() is not None
    assert driver.page.get_by_role("slider", name="large").count() == 0


def test_too_many_pixels_are_told(visit: Callable[..., PageDriver], photo: Path) -> None:
    wide = photo.with_name("wide.png")
    Image.new("1", TOO_MANY_PIXELS).save(wide)
    driver = visit()
    driver.bring(wide)
    assert "megapixels" in driver.page.get_by_role("alert").filter(has_text="wide").inner_text()


def test_a_server_that_is_away_is_told_and_tried_again(
    visit: Callable[..., PageDriver], start: Callable[[Ports], str], server: Server
) -> None:
    ports = free_ports()
    driver = visit(start(ports))
    message = driver.page.get_by_role("alert").filter(has_text="does not answer")
    assert "bash scripts/serve.sh" in message.inner_text()
    forward(ports.rest, server.run.ports.rest)
    driver.page.get_by_role("button", name="Try again").click()
    driver.see("astronaut")
    expect(message).to_have_count(0)


def forward(port: int, target: int) -> None:
    """Let `port` lead to `target` from now on, one connection after the other."""
    listener = socket.create_server((HOST, port))

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):  # either end may just hang up
            while data := source.recv(65536):
                sink.sendall(data)

    def serve() -> None:
        with listener, listener.accept()[0] as client, socket.create_connection((HOST, target)) as server:
            threading.Thread(target=pump, args=(client, server), daemon=True).start()
            pump(server, client)

    threading.Thread(target=serve, daemon=True).start()

"""The page's own server, without a browser: what it gives out, what it takes, what it passes on."""

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tools.faulty_server import FaultyServer, serving
from web.server import MOST_BYTES, STATIC, PageServer, Upstream

PICTURE = b"RIFF of a picture"


@pytest.fixture
def endpoint() -> Iterator[FaultyServer]:
    """Return what stands in for TorchServe, and remembers what it was asked."""
    with serving(FaultyServer(PICTURE)) as faulty:
        yield faulty


@pytest.fixture
def page(endpoint: FaultyServer, tmp_path: Path) -> Iterator[PageServer]:
    """Return the page before it, with a key file that is not there yet."""
    upstream = Upstream("127.0.0.1", int(endpoint.url.rpartition(":")[2]), tmp_path / "key_file.json")
    with PageServer(("127.0.0.1", 0), upstream, "'self' https://app.example") as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield server
        server.shutdown()


def ask(
    page: PageServer, path: str, method: str = "GET", body: bytes | None = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """Ask once -> status, headers by lower-case name, body."""
    connection = http.client.HTTPConnection("127.0.0.1", page.server_port, timeout=30)
    spelt = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, spelt)
    answer = connection.getresponse()
    told = answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    connection.close()
    return told


def draw(page: PageServer, **headers: str) -> tuple[int, dict[str, str], bytes]:
    return ask(page, "/predictions/portrait", "POST", b"a photo", **headers)


def test_every_file_of_the_page_is_there_and_nothing_else(page: PageServer) -> None:
    for file in (path for path in STATIC.rglob("*.*") if path.suffix != ".yaml"):
        status, about, body = ask(page, f"/{file.relative_to(STATIC)}")
        assert (status, body) == (200, file.read_bytes())
        assert about["x-content-type-options"] == "nosniff"
    for path in ("/server.py", "/../server.py", "/%2e%2e/server.py", "/example", "/example/"):
        assert ask(page, path)[0] == 404


def test_a_file_that_is_known_is_not_sent_again(page: PageServer) -> None:
    _, about, _ = ask(page, "/")
    assert ask(page, "/", If_None_Match=about["etag"])[::2] == (304, b"")


def test_who_may_frame_it_is_said(page: PageServer) -> None:
    assert ask(page, "/")[1]["content-security-policy"] == "frame-ancestors 'self' https://app.example"


def test_no_script_or_style_is_inline() -> None:
    for path in STATIC.glob("*.html"):
        text = path.read_text()
        assert "default-src 'none'" in text
        assert "unsafe" not in text
        assert "<style" not in text
        assert " style=" not in text
        assert text.count("<script") == text.count('<script type="module" src=')
    assert not [path.name for path in STATIC.glob("*.js") if "innerHTML" in path.read_text()]


def test_a_photo_is_passed_on_with_its_options_and_no_more(page: PageServer, endpoint: FaultyServer) -> None:
    status, _, body = draw(page, Portrait_Style="sketch", Cookie="secret", X_Forwarded_For="1.2.3.4")
    assert (status, body) == (200, PICTURE)
    assert endpoint.photos == [b"a photo"]
    sent = {name.lower(): value for name, value in endpoint.headers[0].items()}
    assert sent["portrait-style"] == "sketch"
    assert not {"cookie", "x-forwarded-for", "authorization"} & sent.keys()
    assert sent["x-portrait-connection"].endswith(f":{page.server_port}")


def test_visitors_draw_with_the_servers_key_and_never_see_it(page: PageServer, endpoint: FaultyServer) -> None:
    assert page.upstream.key_file is not None
    page.upstream.key_file.write_text(json.dumps({"inference": {"key": "Ab1"}}))
    _, about, _ = draw(page, Authorization="Bearer mine")
    assert endpoint.headers[0]["Authorization"] == "Bearer Ab1"
    assert "Ab1" not in str(about)
    assert ask(page, "/key_file.json")[0] == 404


def test_pages_elsewhere_do_not_draw_with_it(page: PageServer, endpoint: FaultyServer) -> None:
    assert draw(page, Sec_Fetch_Site="cross-site")[0] == 403
    assert endpoint.photos == []


def test_what_is_too_large_is_refused_before_it_is_read(page: PageServer, endpoint: FaultyServer) -> None:
    head = f"POST /predictions/portrait HTTP/1.1\r\nHost: x\r\nContent-Length: {MOST_BYTES + 1}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", page.server_port), timeout=30) as client:
        client.sendall(head.encode())
        assert client.recv(100).startswith(b"HTTP/1.1 413 ")
    assert endpoint.photos == []


@pytest.mark.parametrize("length", ["", "-1", "many"])
def test_a_photo_says_how_long_it_is(page: PageServer, length: str) -> None:
    assert ask(page, "/predictions/portrait", "POST", Content_Length=length)[0] == 411


def test_other_paths_are_not_passed_on(page: PageServer) -> None:
    for path in ("/models/portrait", "/predictions/other", "/predictions/portrait/../../models"):
        assert ask(page, path, "POST", b"x")[0] == 404


def test_a_server_that_is_away_is_told(page: PageServer, endpoint: FaultyServer) -> None:
    endpoint.close()
    status, _, body = draw(page)
    assert (status, json.loads(body)["type"]) == (502, "BadGateway")


def test_more_photos_at_once_than_fit_in_memory_are_refused(page: PageServer) -> None:
    while page.photos.acquire(blocking=False):
        pass
    assert draw(page)[0] == 503

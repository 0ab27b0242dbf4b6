"""The client against the real TorchServe, and against faults that it does not make on demand."""

import asyncio
import functools
import io
import operator
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
import requests
import tenacity

from handler import options as served
from portrait_client import (
    AsyncPortraitClient,
    GrpcPortraitClient,
    Options,
    PortraitClient,
    PortraitError,
    RefusedError,
    UnavailableError,
    draw_folder,
    options,
)
from portrait_client.address import address_of
from portrait_client.errors import error_from
from portrait_client.local import LocalPortraits
from portrait_client.messages import PREDICTIONS, messages
from portrait_client.photo import Photo
from portrait_client.picture import SUFFIXES
from scripts.docs.option_texts import described
from scripts.serving.paths import SAMPLE
from tests.tools.faulty_server import (
    BAD_GATEWAY,
    BREAKS_OFF,
    BUSY,
    DIED,
    HANGS_UP,
    KILLED,
    LOGIN_PAGE,
    MOVED,
    FaultyServer,
    serving,
)
from tests.tools.serving import Server, Stubs

PHOTO = SAMPLE.read_bytes()
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
SKETCH = Options(style="sketch", size=200, background="#ffeedd")


@pytest.fixture
def rest(server: Server) -> Iterator[PortraitClient]:
    with PortraitClient(server.rest) as client:
        yield client


@pytest.fixture
def grpc(server: Server) -> Iterator[GrpcPortraitClient]:
    with GrpcPortraitClient(f"127.0.0.1:{server.run.ports.grpc}") as client:
        yield client


@pytest.fixture(scope="module")
def local(archive: Path) -> Iterator[LocalPortraits]:
    with LocalPortraits(archive) as local:
        yield local


Drawer = PortraitClient | GrpcPortraitClient | LocalPortraits


@pytest.fixture(params=["rest", "grpc", "local"])
def drawer(request: pytest.FixtureRequest) -> Drawer:
    drawer: Drawer = request.getfixturevalue(request.param)
    return drawer


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portrait_client.retry._BACK_OFF", tenacity.wait_none())


def test_every_way_gives_what_the_server_gives(server: Server, drawer: Drawer) -> None:
    answer = requests.post(
        server.predictions,
        data=PHOTO,
        headers={"Portrait-Style": "sketch", "Portrait-Size": "200", "Portrait-Background": "#ffeedd"},
        timeout=60,
    )
    assert answer.status_code == 200
    assert drawer.draw(PHOTO, SKETCH).data == answer.content


def test_a_picture_comes_with_what_the_server_says_about_it(rest: PortraitClient, local: LocalPortraits) -> None:
    picture = rest.draw(PHOTO, Options(frame="face", size=100, format="webp"))
    assert (picture.content_type, picture.style) == ("image/webp", "draw")
    assert picture.size is not None
    assert max(picture.size) == 100
    assert picture.faces == 1
    assert picture.weights
    assert local.draw(PHOTO, Options(frame="face", size=100, format="webp")) == picture


def test_several_at_once_with_asyncio(server: Server, rest: PortraitClient) -> None:
    async def draw() -> list[bytes]:
        async with AsyncPortraitClient(server.rest) as client:
            sizes = (80, 100)
            pictures = await asyncio.gather(*(client.draw(PHOTO, Options(size=size)) for size in sizes))
            return [picture.data for picture in pictures]

    assert asyncio.run(draw()) == [rest.draw(PHOTO, Options(size=size)).data for size in (80, 100)]


@pytest.mark.parametrize(
    ("photo", "chosen", "says"),
    [
        (b"no photo", Options(), "photo: this is no JPEG, PNG, WebP, GIF, AVIF or HEIC"),
        (b"", Options(), "photo: it is empty"),
        (PHOTO, Options(alpha=0.5), "alpha: only fits style composite, got style draw"),
        (PHOTO, Options(size=7), "size: must be native or 64 to 4096, got 7"),
    ],
)
def test_a_refusal_says_the_same_on_every_way(drawer: Drawer, photo: bytes, chosen: Options, says: str) -> None:
    with pytest.raises(RefusedError) as caught:
        drawer.draw(photo, chosen)
    assert caught.value.code == 400
    assert caught.value.message.startswith(says)
    assert "\n" not in caught.value.message


def test_a_photo_larger_than_the_server_takes(rest: PortraitClient, grpc: GrpcPortraitClient) -> None:
    with pytest.raises(RefusedError, match="larger than the server takes") as caught:
        rest.draw(b"?" * 40_000_000)
    assert caught.value.code == 413
    with pytest.raises(PortraitError, match="may be larger than it takes"):
        grpc.draw(b"?" * 40_000_000)


@pytest.mark.parametrize(
    ("status", "says"),
    [(401, "give the server's inference key as token"), (404, "the address may lack a path"), (413, "a smaller photo")],
)
def test_a_refusal_that_people_can_mend_says_how(status: int, says: str) -> None:
    told = error_from(status, b'{"type": "T", "message": "No."}')
    assert isinstance(told, RefusedError)
    assert told.message.startswith("No; ")
    assert says in told.message


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("fault", [BUSY, BAD_GATEWAY, KILLED, DIED, BREAKS_OFF, HANGS_UP])
def test_a_passing_fault_is_tried_again(fault: str) -> None:
    with serving(FaultyServer(PICTURE, [fault, fault])) as faulty, PortraitClient(faulty.url) as client:
        assert client.draw(PHOTO).data == PICTURE
    assert faulty.photos == [PHOTO] * 3


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize(
    ("fault", "code", "says"),
    [
        (BUSY, 503, "the server is busy or has no worker"),
        (BAD_GATEWAY, 502, "answered 502"),
        (KILLED, 507, "Worker killed"),
        (DIED, 500, "Worker died"),
        (BREAKS_OFF, 0, "no answer from"),
        (HANGS_UP, 0, "no answer from"),
    ],
)
def test_a_lasting_fault_is_reported(fault: str, code: int, says: str) -> None:
    with serving(FaultyServer(PICTURE, [fault] * 9)) as faulty, PortraitClient(faulty.url, retries=2) as client:
        with pytest.raises(UnavailableError, match=says) as caught:
            client.draw(PHOTO)
        assert caught.value.code == code
    assert len(faulty.photos) == 3


@pytest.mark.usefixtures("no_waiting")
def test_asyncio_tries_again_too() -> None:
    async def draw(url: str) -> bytes:
        async with AsyncPortraitClient(url) as client:
            return (await client.draw(PHOTO)).data

    with serving(FaultyServer(PICTURE, [BUSY, HANGS_UP])) as faulty:
        assert asyncio.run(draw(faulty.url)) == PICTURE


def test_waits_longer_each_time_and_as_long_as_the_server_asks() -> None:
    started = time.monotonic()
    with serving(FaultyServer(PICTURE, [BUSY, BUSY])) as faulty, PortraitClient(faulty.url) as client:
        client.draw(PHOTO)
        assert 1.5 < time.monotonic() - started < 4
        for fault in (BAD_GATEWAY, BUSY):
            faulty.faults, faulty.retry_after, started = [fault], "3", time.monotonic()
            client.draw(PHOTO)
            assert 3 <= time.monotonic() - started < 5


@pytest.mark.parametrize(
    "photo", [PHOTO, bytearray(PHOTO), memoryview(PHOTO), str(SAMPLE), SAMPLE, io.BytesIO(PHOTO)], ids=type
)
def test_a_photo_is_bytes_a_path_or_a_file(rest: PortraitClient, photo: Photo) -> None:
    picture = rest.draw(photo, size=64)
    assert picture.size is not None
    assert max(picture.size) == 64


def test_what_is_no_photo_is_told_before_it_is_sent() -> None:
    with PortraitClient("127.0.0.1:1") as client:
        with pytest.raises(TypeError, match="photo: must be bytes, a path or a file opened with mode 'rb', got str"):
            client.draw(io.StringIO("text"))  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="got int"):
            client.draw(3)  # type: ignore[arg-type]
        with pytest.raises(FileNotFoundError, match=r"absent\.jpg"):
            client.draw("absent.jpg")
        with pytest.raises(TypeError, match="styl: no such option; there are style, frame, "):
            client.draw(PHOTO, styl="draw")  # type: ignore[call-arg]


def test_options_by_name_come_before_others(drawer: Drawer) -> None:
    picture = drawer.draw(PHOTO, Options("sketch", size=64, background="#ffeedd"), style="draw", size=80)
    assert picture.data == drawer.draw(PHOTO, style="draw", size=80, background="#ffeedd").data


@pytest.mark.parametrize(
    ("server", "base", "path"),
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080", "/predictions/portrait"),
        ("localhost:9000", "http://localhost:9000", "/predictions/portrait"),
        ("https://a.example/", "https://a.example", "/predictions/portrait"),
        ("a.example/draw/", "http://a.example", "/draw/predictions/portrait"),
        ("https://a.example/draw/predictions/portrait/2.0", "https://a.example", "/draw/predictions/portrait/2.0"),
        ("[::1]:8080", "http://[::1]:8080", "/predictions/portrait"),
    ],
)
def test_a_server_is_named_as_people_name_it(server: str, base: str, path: str) -> None:
    assert address_of(server) == (base, path)


@pytest.mark.parametrize("server", ["", "http://", "http:///predictions/portrait", "ftp://a", "a:99999", "a:port"])
@pytest.mark.parametrize("client", [PortraitClient, AsyncPortraitClient, GrpcPortraitClient])
def test_what_is_no_address_is_refused(client: Callable[[str], object], server: str) -> None:
    with pytest.raises(ValueError, match=r": no address of a server, which looks like http://127\.0\.0\.1:8080"):
        client(server)


def test_a_server_below_a_path_is_asked_there() -> None:
    with serving(FaultyServer(PICTURE)) as faulty, PortraitClient(f"{faulty.url}/below") as client:
        client.draw(PHOTO)
    assert faulty.paths == ["/below/predictions/portrait"]


def test_a_server_that_has_moved_says_where() -> None:
    with (
        serving(FaultyServer(PICTURE, [MOVED])) as faulty,
        PortraitClient(faulty.url) as client,
        pytest.raises(RefusedError, match=r"the server is at another address: https://elsewhere\.example/"),
    ):
        client.draw(PHOTO)


@pytest.mark.parametrize(("name", "shown"), [("png", "png"), ("jpeg", "jpeg"), ("webp", "html"), ("svg", "svg")])
def test_a_picture_is_saved_and_shown(rest: PortraitClient, tmp_path: Path, name: options.Format, shown: str) -> None:
    picture = rest.draw(PHOTO, format=name, size=64)
    saved = picture.save(tmp_path / "new" / f"a{SUFFIXES[name][-1].upper()}")
    assert saved.read_bytes() == picture.data
    picture.save(str(saved))  # over the other
    kinds = ("png", "jpeg", "svg", "html")
    assert [kind for kind in kinds if getattr(picture, f"_repr_{kind}_")() is not None] == [shown]
    other = "b.jpg" if name == "png" else "b.png"
    with pytest.raises(ValueError, match=rf"{other}: this is image/.*; draw with format='(png|jpeg)', or rename it"):
        picture.save(tmp_path / other)


def test_a_folder_is_drawn_with_a_bar(rest: PortraitClient, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.jpg", "deep/b.jpg", "bad.jpg"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(PHOTO if name != "bad.jpg" else b"bad")
    out = tmp_path / "out"
    report = draw_folder(tmp_path / "in", rest, out, styles=["draw", "composite"], alpha=0.3, size=64, progress=True)
    names = ["a-draw.png", "a-composite.png", "deep/b-draw.png", "deep/b-composite.png"]
    assert list(report.drawn) == [out / name for name in names]
    assert {Path(failure.name).name for failure in report.failed} == {"bad.jpg"}
    assert "3/3" in capsys.readouterr().err
    again = draw_folder(str(tmp_path / "in" / "*.jpg"), rest, out, style="composite", alpha=0.3, size=64)
    assert (list(again.drawn), list(again.there)) == ([], [out / "a-composite.png"])


def test_a_page_is_no_picture() -> None:
    with (
        serving(FaultyServer(PICTURE, [LOGIN_PAGE])) as faulty,
        PortraitClient(faulty.url) as client,
        pytest.raises(PortraitError, match="answers with text/html, which is no picture"),
    ):
        client.draw(PHOTO)


@pytest.mark.parametrize("client", [PortraitClient, GrpcPortraitClient])
def test_nobody_there_is_told_at_once(client: Callable[[str], PortraitClient]) -> None:
    started = time.monotonic()
    with client("127.0.0.1:1") as nobody, pytest.raises(UnavailableError, match="is the server running there"):
        nobody.draw(PHOTO)
    assert time.monotonic() - started < 2


def test_a_server_that_was_there_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    def at_once(state: tenacity.RetryCallState) -> float:
        tries.append(state.attempt_number)
        return 0.0

    monkeypatch.setattr("portrait_client.retry._BACK_OFF", at_once)
    with serving(FaultyServer(PICTURE)) as faulty, PortraitClient(faulty.url) as client:
        client.draw(PHOTO)
        faulty.close()
        with pytest.raises(UnavailableError, match="is the server running there"):
            client.draw(PHOTO)
    assert tries[-1] == 5


@pytest.mark.usefixtures("no_waiting")
def test_grpc_tries_again_while_there_is_no_worker(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    scaled_up: list[int] = []

    def scale_up(_: tenacity.RetryCallState) -> float:
        if not scaled_up:
            scaled_up.append(1)
            server.scale(1)
        return 0.0

    monkeypatch.setattr("portrait_client.retry._BACK_OFF", scale_up)
    server.scale(0)
    try:
        with GrpcPortraitClient(f"127.0.0.1:{server.run.ports.grpc}") as client:
            client.draw(PHOTO, Options(size=64))
    finally:
        server.scale(server.run.arrangement.workers)
    assert scaled_up


def test_messages_are_those_of_torchserves_proto(stubs: Stubs) -> None:
    given = {"model_name": "portrait", "model_version": "1.0", "input": {"data": PHOTO, "style": b"draw"}}
    theirs = stubs.inference.PredictionsRequest(**given)
    ours = messages().request(**given)
    assert ours.SerializeToString(deterministic=True) == theirs.SerializeToString(deterministic=True)
    answer = stubs.inference.PredictionResponse(prediction=PICTURE).SerializeToString()
    assert messages().response.FromString(answer).prediction == PICTURE
    service = stubs.inference.DESCRIPTOR.services_by_name["InferenceAPIsService"]
    assert f"/{service.full_name}/Predictions" == PREDICTIONS


def without_none(kind: object) -> object:
    """Return what an optional type is when it is given."""
    return functools.reduce(operator.or_, [one for one in get_args(kind) if one is not type(None)])


def test_options_are_those_of_the_server() -> None:
    table = served.OPTIONS
    names = {
        "style": options.STYLES,
        "frame": options.FRAMES,
        "scene": options.SCENES,
        "line": options.LINES,
        "format": options.FORMATS,
    }
    assert names == {name: table[name].names for name in names}
    usual = {name: value for name, value in asdict(options.USUAL).items() if name != "scene"}
    assert usual == {name: table[name].default for name in usual}
    for name, (low, high, _) in {"alpha": options.ALPHA, "sigma": options.SIGMA}.items():
        pattern = table[name].pattern
        assert pattern
        assert pattern.shape == {"from": low, "to": high}
    hints = get_type_hints(Options)
    assert (
        get_type_hints(options.Keywords).items() == {name: without_none(kind) for name, kind in hints.items()}.items()
    )
    every = Options("composite", "face", "remove", "bold", 100, "png", "white", 1e-5, 12)
    assert list(every.fields()) == list(table)
    assert every.headers()["Portrait-Alpha"] == "0.000010"
    parsed = served.parse_options(every.headers(), {})
    assert (parsed.style, parsed.frame, parsed.size, parsed.alpha, parsed.sigma) == ("composite", "face", 100, 1e-5, 12)


def test_the_commands_help_says_what_the_server_takes() -> None:
    assert {name: described(option) for name, option in served.OPTIONS.items()} == options.HELP


def test_a_client_of_a_server_needs_neither_torch_nor_grpc() -> None:
    code = """
import sys
for name in ("torch", "cv2", "numpy", "PIL", "ts", "yaml", "grpc", "google"):
    sys.modules[name] = None
import portrait_client.cli
"""
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[1], check=True)

"""The command `portrait`: against the real TorchServe, and against a faulty server where that is the point."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import tenacity
from PIL import Image

from portrait_client.cli import main
from portrait_client.tokens import VARIABLE
from scripts.serving.paths import ROOT, SAMPLE
from tests.tools.faulty_server import BUSY, FaultyServer, serving
from tests.tools.serving import Server

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
NOBODY = ("--server", "127.0.0.1:1")

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current folder, with one photo; no token in the environment, no waiting between tries."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr("portrait_client.retry._BACK_OFF", tenacity.wait_none())
    shutil.copy(SAMPLE, "photo.jpg")
    return tmp_path


def make_folder(count: int) -> list[Path]:
    """Photos of different bytes in the folder `in`."""
    Path("in").mkdir()
    photos = [Path("in", f"{i:02}.jpg") for i in range(count)]
    for i, photo in enumerate(photos):
        photo.write_bytes(f"photo {i}".encode())
    return photos


def names(folder: str) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file())


@pytest.mark.parametrize("way", ["rest", "grpc", "local"])
def test_a_photo_becomes_a_portrait(server: Server, archive: Path, capsys: Capture, way: str) -> None:
    ways = {
        "rest": ["--server", server.rest],
        "grpc": ["--grpc", "--server", f"127.0.0.1:{server.run.ports.grpc}"],
        "local": ["--local", "--archive", str(archive)],
    }
    drawing = ["--style", "composite", "--frame", "photo", "--size", "96", "--format", "webp"]
    rest = ["--background", "#ffeedd", "--alpha", "0.4", "--sigma", "10"]
    assert main(["photo.jpg", *drawing, *rest, *ways[way]]) == 0
    told = capsys.readouterr()
    assert (told.out, told.err) == ("photo-portrait.webp\n", "")
    with Image.open("photo-portrait.webp") as picture:
        assert (picture.format, max(picture.size)) == ("WEBP", 96)
    assert names(".") == ["photo-portrait.webp", "photo.jpg"]


def test_a_folder_with_a_bad_photo(server: Server, capsys: Capture) -> None:
    Path("in/deep").mkdir(parents=True)
    for name in ("a.jpg", "deep/b.jpg"):
        shutil.copy("photo.jpg", Path("in", name))
    Path("in/bad.png").write_bytes(b"no photo")
    command = ["in", "absent.jpg", "--out", "out", "--size", "64", "--server", server.rest]
    assert main(command) == 1
    told = capsys.readouterr()
    assert told.out.splitlines() == ["out/a-portrait.png", "out/deep/b-portrait.png"]
    assert "in/bad.png: photo: this is no JPEG, PNG, WebP, GIF, AVIF or HEIC" in told.err
    assert "absent.jpg: there is no such file" in told.err
    assert told.err.endswith("2 drawn, 2 failed.\n")
    assert names("out") == ["a-portrait.png", "deep/b-portrait.png"]


def test_what_is_there_is_left_alone_unless_forced(capsys: Capture) -> None:
    Path("photo-portrait.png").write_bytes(b"mine")
    with serving(FaultyServer(PICTURE)) as faulty:
        assert main(["photo.jpg", "--server", faulty.url]) == 0
        assert "1 there already (--force draws anew)" in capsys.readouterr().err
        assert Path("photo-portrait.png").read_bytes() == b"mine"
        assert faulty.photos == []
        assert main(["photo.jpg", "--server", faulty.url, "--force"]) == 0
    assert Path("photo-portrait.png").read_bytes() == PICTURE


def test_portraits_alone_are_nothing_to_draw(capsys: Capture) -> None:
    Path("photo-portrait.png").write_bytes(PICTURE)
    assert main(["photo-portrait.png", *NOBODY]) == 0
    assert "nothing to draw" in capsys.readouterr().err.lower()


def test_a_busy_server_fails_some_photos_and_not_the_rest(capsys: Capture) -> None:
    make_folder(6)
    with serving(FaultyServer(PICTURE, [BUSY] * 5)) as faulty:
        assert main(["in", "--server", faulty.url, "--at-once", "1"]) == 1
        told = capsys.readouterr().err
        assert "in/00.jpg: the server is busy or has no worker" in told
        assert "5 drawn, 1 failed." in told
        assert main(["in", "--server", faulty.url]) == 0
    assert "1 drawn, 5 there already" in capsys.readouterr().err


@pytest.mark.parametrize("ways", [NOBODY, ("--grpc", *NOBODY)])
def test_a_server_that_is_away_is_not_asked_for_every_photo(capsys: Capture, ways: tuple[str, ...]) -> None:
    make_folder(50)
    assert main(["in", "--at-once", "1", *ways]) == 1
    told = capsys.readouterr().err
    assert told.count("is the server running there?") <= 3
    assert "not tried (they would fail alike)" in told
    assert names("in") == [f"{i:02}.jpg" for i in range(50)]


def test_a_refused_option_is_told_once(server: Server, capsys: Capture) -> None:
    make_folder(20)
    assert main(["in", "--background", "mauve", "--server", server.rest, "--at-once", "1"]) == 1
    told = capsys.readouterr().err
    assert "background: must be white, transparent or #rrggbb, got mauve" in told
    assert "not tried (they would fail alike)" in told


def test_photos_are_sent_several_at_once() -> None:
    photos = make_folder(8)
    with serving(FaultyServer(PICTURE, together=threading.Barrier(4))) as faulty:
        assert main(["in", "--server", faulty.url, "--at-once", "4"]) == 0
    assert sorted(faulty.photos) == sorted(photo.read_bytes() for photo in photos)


def test_the_token_reaches_the_server_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("key_file.json").write_text(json.dumps({"inference": {"key": "from-file"}}))
    with serving(FaultyServer(PICTURE)) as faulty:
        main(["photo.jpg", "--force", "--server", faulty.url])
        monkeypatch.setenv(VARIABLE, "from-environment")
        main(["photo.jpg", "--force", "--server", faulty.url])
        main(["photo.jpg", "--force", "--server", faulty.url, "--token", "given"])
    sent = [headers["Authorization"] for headers in faulty.headers]
    assert sent == ["Bearer from-file", "Bearer from-environment", "Bearer given"]


@pytest.mark.parametrize(
    ("option", "value"), [("--style", "cubist"), ("--size", "big"), ("--at-once", "0"), ("--alpha", "half")]
)
def test_a_wrong_option_is_told_before_anything_is_sent(option: str, value: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["photo.jpg", option, value, *NOBODY])
    assert caught.value.code == 2
    assert value in capsys.readouterr().err


def test_local_without_an_archive_says_how_to_build_one(capsys: Capture) -> None:
    assert main(["photo.jpg", "--local", "--archive", "absent.mar"]) == 1
    assert "absent.mar is not there; build it" in capsys.readouterr().err


def test_an_interrupted_folder_goes_on_where_it_stopped() -> None:
    photos = make_folder(12)
    command = [sys.executable, "-m", "portrait_client", "in", "--out", "out", "--at-once", "2", "--server"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with serving(FaultyServer(PICTURE, held=threading.Event())) as faulty:
        assert faulty.held
        process = subprocess.Popen([*command, faulty.url], env=environment, stderr=subprocess.PIPE, text=True)
        while len(faulty.photos) < 3:  # one is answered, two are under way
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        faulty.held.set()
        _, told = process.communicate(timeout=30)
        assert process.returncode == 130
        assert "not tried (interrupted; the same command goes on)" in told
        done = len(names("out"))
        assert 1 <= done < 12
        assert len(faulty.photos) == done
        subprocess.run([*command, faulty.url], env=environment, check=True)
    assert sorted(faulty.photos) == sorted(photo.read_bytes() for photo in photos)
    assert names("out") == [f"{i:02}-portrait.png" for i in range(12)]


def test_a_terminal_shows_progress_and_a_pipe_does_not(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    make_folder(3)
    with serving(FaultyServer(PICTURE)) as faulty:
        main(["in", "--server", faulty.url])
        assert capsys.readouterr().err == "3 drawn.\n"
        terminal = io.StringIO()
        monkeypatch.setattr(terminal, "isatty", lambda: True)
        monkeypatch.setattr(sys, "stderr", terminal)
        main(["in", "--server", faulty.url, "--force"])
    assert "3/3" in terminal.getvalue()

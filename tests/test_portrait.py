"""The command `portrait`: against the real TorchServe, and against a faulty server where that is the point."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tenacity
from PIL import Image

from handler.postprocess import ENCODERS
from portrait_client.cli import main
from portrait_client.mark import marked, read_mark
from portrait_client.picture import Picture
from portrait_client.search import Found
from portrait_client.tokens import VARIABLE
from portrait_client.watch import Arrivals
from scripts.serving.paths import ROOT, SAMPLE
from tests.tools.faulty_server import BUSY, FaultyServer, serving
from tests.tools.serving import Server

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
PLAIN = ENCODERS["png"](np.zeros((8, 8), np.uint8))
HERE = {**os.environ, "PYTHONPATH": str(ROOT)}
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


def is_picture(path: str) -> bool:
    """Whether a file is `PICTURE` with a mark in it."""
    data = Path(path).read_bytes()
    return data.startswith(PICTURE[:33]) and data.endswith(PICTURE[33:]) and read_mark(Path(path)) is not None


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
    assert (told.out, told.err) == ("photo-composite.webp\n", "")
    with Image.open("photo-composite.webp") as picture:
        assert (picture.format, max(picture.size)) == ("WEBP", 96)
    assert names(".") == ["photo-composite.webp", "photo.jpg"]


def test_a_folder_with_a_bad_photo(server: Server, capsys: Capture) -> None:
    Path("in/deep").mkdir(parents=True)
    for name in ("a.jpg", "deep/b.jpg"):
        shutil.copy("photo.jpg", Path("in", name))
    Path("in/bad.png").write_bytes(b"no photo")
    command = ["in", "absent.jpg", "--out", "out", "--size", "64", "--server", server.rest]
    assert main(command) == 1
    told = capsys.readouterr()
    assert told.out.splitlines() == ["out/a-draw.png", "out/deep/b-draw.png"]
    assert "in/bad.png: photo: this is no JPEG, PNG, WebP, GIF, AVIF or HEIC" in told.err
    assert "absent.jpg: there is no such file" in told.err
    assert told.err.endswith("2 drawn, 2 failed.\n")
    assert names("out") == ["a-draw.png", "deep/b-draw.png"]


def test_what_is_there_is_left_alone_unless_forced(capsys: Capture) -> None:
    Path("photo-draw.png").write_bytes(b"mine")
    with serving(FaultyServer(PICTURE)) as faulty:
        assert main(["photo.jpg", "--server", faulty.url]) == 0
        assert capsys.readouterr().err == "1 there already, not by this command (--force overwrites).\n"
        assert Path("photo-draw.png").read_bytes() == b"mine"
        assert faulty.photos == []
        assert main(["photo.jpg", "--server", faulty.url, "--force"]) == 0
        assert is_picture("photo-draw.png")
        assert main(["photo.jpg", "--server", faulty.url]) == 0
        assert capsys.readouterr().err == "1 there already (--force draws anew).\n"
        assert len(faulty.photos) == 1


def test_own_pictures_are_not_drawn_again(capsys: Capture) -> None:
    with serving(FaultyServer(PICTURE)) as faulty:
        main(["photo.jpg", "--server", faulty.url, "--out", "in/here"])
        shutil.move("in/here/photo-draw.png", "in/self.JPG")
        assert main(["in", *NOBODY]) == 0
        assert capsys.readouterr().err == "1 left out, being portraits.\n"
        shutil.move("photo.jpg", "in/anna-portrait.jpg")
        for _ in range(2):  # into the folder that is searched
            assert main(["in", "--server", faulty.url, "--out", "in/out"]) == 0
    assert names("in") == ["anna-portrait.jpg", "out/anna-portrait-draw.png", "self.JPG"]
    assert len(faulty.photos) == 2


def test_each_style_has_a_picture_of_its_own(server: Server, capsys: Capture) -> None:
    command = ["photo.jpg", "--size", "64", "--server", server.rest]
    assert main([*command, "--style", "sketch"]) == 0
    assert main([*command, "--style", "draw,sketch,composite", "--alpha", "0.4"]) == 0
    told = capsys.readouterr()
    assert told.out.splitlines() == ["photo-sketch.png", "photo-draw.png", "photo-composite.png"]
    assert told.err == "2 drawn, 1 there already (--force draws anew).\n"
    pictures = {Path(name).read_bytes() for name in told.out.splitlines()}
    assert len(pictures) == 3


def test_a_style_that_an_option_does_not_fit_fails_alone(server: Server, capsys: Capture) -> None:
    command = ["photo.jpg", "--style", "draw,sketch", "--format", "svg", "--server", server.rest]
    assert main(command) == 1
    told = capsys.readouterr()
    assert told.out == "photo-draw.svg\n"
    assert told.err.startswith("photo.jpg: format: svg needs style draw")


def test_a_picture_drawn_with_other_options_is_drawn_anew(server: Server, capsys: Capture) -> None:
    command = ["photo.jpg", "--server", server.rest, "--size"]
    assert main([*command, "64"]) == 0
    assert main([*command, "80"]) == 0
    assert capsys.readouterr().err == "1 drawn (1 of them anew, with other options).\n"
    with Image.open("photo-draw.png") as picture:
        assert max(picture.size) == 80


def test_pictures_by_other_weights_are_named(server: Server, capsys: Capture) -> None:
    main(["photo.jpg", "--size", "64", "--server", server.rest])
    before = read_mark(Path("photo-draw.png"))
    assert before
    assert before.weights
    older = replace(before, weights="older 0123456789ab")
    Path("photo-draw.png").write_bytes(marked(Picture(PLAIN, "image/png"), older))
    shutil.copy("photo.jpg", "second.jpg")
    assert main(["photo.jpg", "second.jpg", "--size", "64", "--server", server.rest]) == 0
    line = f"photo-draw.png: drawn by older 0123456789ab, not {before.weights}; --force draws it anew"
    assert line in capsys.readouterr().err.splitlines()


def test_what_is_no_photo_is_named_and_counted(capsys: Capture) -> None:
    make_folder(1)
    for name in ("a.DNG", "b.DNG", "c.txt"):
        Path("in", name).write_bytes(b"")
    with serving(FaultyServer(PICTURE)) as faulty:
        assert main(["in", "--server", faulty.url]) == 0
        assert capsys.readouterr().err == "1 drawn, 3 skipped: .DNG (2) .txt (1).\n"
        Path("in/c.txt").unlink()
        assert main(["in", "--server", faulty.url]) == 0
        assert "2 skipped: .DNG." in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_to_is_told_before_anything_is_drawn(capsys: Capture) -> None:
    make_folder(3)
    Path("file").write_text("")
    with serving(FaultyServer(PICTURE)) as faulty:
        assert main(["in", "--out", "file", "--server", faulty.url]) == 1
        told = capsys.readouterr().err
        assert told == "file: cannot be written to (Not a directory)\n3 not tried (they would fail alike).\n"
        assert main(["photo.jpg", "-o", "file/a.png", "--server", faulty.url]) == 1
        assert capsys.readouterr().err == "file: cannot be written to (Not a directory)\n"
        assert faulty.photos == []


def test_one_photo_to_a_file_of_that_name_whose_ending_is_the_format(server: Server, capsys: Capture) -> None:
    Path("out.jpg").write_bytes(b"older")
    assert main(["photo.jpg", "-o", "out.jpg", "--size", "64", "--server", server.rest]) == 0
    assert capsys.readouterr() == ("out.jpg\n", "")
    with Image.open("out.jpg") as picture:
        assert picture.format == "JPEG"
    Path("out").mkdir()
    assert main(["photo.jpg", "-o", "out", "--size", "64", "--server", server.rest]) == 0
    assert names("out") == ["photo-draw.png"]


def test_photos_come_and_pictures_go_by_standard_streams(server: Server) -> None:
    command = [sys.executable, "-m", "portrait_client", "--size", "64", "--server", server.rest]

    def run(*more: str) -> bytes:
        with Path("photo.jpg").open("rb") as photo:
            return subprocess.run([*command, *more], env=HERE, stdin=photo, stdout=subprocess.PIPE, check=True).stdout

    picture = run("-")
    assert picture.startswith(b"\x89PNG")
    assert run("photo.jpg", "-o", "-")[-2000:] == picture[-2000:]
    assert run("-", "-o", "a.png") == b"a.png\n"
    assert Path("a.png").read_bytes() == picture


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([""], "is empty; name a photo, a folder"),
        (["photo.jpg", "-o", "a.png", "--format", "webp"], "a.png promises png, got webp"),
        (["photo.jpg", "b.jpg", "-o", "a.png"], "a.png is one picture"),
        (["photo.jpg", "--style", "draw,sketch", "-o", "-"], "- is one picture"),
        (["-", "--out", "folder"], "must be a file for a photo from standard input, got folder"),
        (["photo.jpg", "--style", "draw,cubist"], "must be of draw, sketch, composite, got cubist"),
        (["photo.jpg", "--name", "{who}"], "--name: there are {stem}, {suffix}, {style}"),
    ],
)
def test_arguments_that_do_not_go_together_are_told_before_anything_is_sent(
    arguments: list[str], says: str, capsys: Capture
) -> None:
    with pytest.raises(SystemExit) as caught:
        main([*arguments, *NOBODY])
    assert caught.value.code == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([".", "-o", "a.png"], ".: is a folder, and a.png one picture"),
        (["photo.jpg", "-o", "photo.jpg"], "photo.jpg is the photo itself"),
        (["absent.jpg", "-o", "a.png"], "[Errno 2] No such file or directory: 'absent.jpg'"),
        (["photo.jpg", "--server", "http://a:99999"], "http://a:99999: no address of a server"),
        (["photo.jpg", "--server", "ftp://a"], "ftp://a: no address of a server"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_line(arguments: list[str], says: str, capsys: Capture) -> None:
    assert main(arguments) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert says in line


def test_a_picture_is_not_written_to_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert main(["photo.jpg", "-o", "-", *NOBODY]) == 1
    assert "nothing to read on a terminal" in capsys.readouterr().err


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_names_that_a_terminal_cannot_print_are_written_and_told(encoding: str) -> None:
    os.rename("photo.jpg", b"in-\xe9-\xc3\xa9\x1b.jpg")
    command = [sys.executable, "-m", "portrait_client", ".", "absent-\udce9\u00e9", "--server"]
    with serving(FaultyServer(PICTURE)) as faulty:
        environment = HERE | {"PYTHONIOENCODING": encoding}
        done = subprocess.run([*command, faulty.url], env=environment, capture_output=True)
    assert done.stdout == b"in-\xe9-\xc3\xa9\x1b-draw.png\n"  # as it is: another program opens it
    assert done.stderr.startswith(b"absent-\\udce9")
    assert done.stderr.endswith(b"1 drawn, 1 failed.\n")


def test_quiet_says_what_is_wrong_alone(capsys: Capture) -> None:
    with serving(FaultyServer(PICTURE)) as faulty:
        assert main(["photo.jpg", "absent.jpg", "--quiet", "--server", faulty.url]) == 1
    assert capsys.readouterr() == ("", "absent.jpg: there is no such file or folder\n")


def test_a_watched_folder_is_drawn_as_photos_arrive() -> None:
    make_folder(1)
    command = [sys.executable, "-m", "portrait_client", "in", "--out", "out", "--watch", "--server"]
    with serving(FaultyServer(PICTURE)) as faulty:
        process = subprocess.Popen([*command, faulty.url], env=HERE, stdout=subprocess.PIPE, text=True)
        assert process.stdout
        assert process.stdout.readline() == "out/00-draw.png\n"
        Path("in/new.jpg").write_bytes(b"new")
        assert process.stdout.readline() == "out/new-draw.png\n"
        Path("in/new.jpg").write_bytes(b"changed")
        assert process.stdout.readline() == "out/new-draw.png\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30)[0] == ""
    assert process.returncode == 0
    assert faulty.photos == [b"photo 0", b"new", b"changed"]


def test_a_photo_is_not_taken_while_it_is_written() -> None:
    (photo,) = (Found(path) for path in make_folder(1))
    arrivals = Arrivals()
    assert arrivals.among([photo]) == []
    photo.photo.write_bytes(b"more of it")
    assert arrivals.among([photo]) == []
    assert arrivals.among([photo]) == [([photo], False)]
    assert arrivals.among([photo]) == []
    arrivals.forget([photo])
    assert arrivals.among([photo]) == [([photo], False)]


def test_watching_for_a_server_that_is_away_ends(capsys: Capture) -> None:
    assert main([".", "--watch", *NOBODY]) == 1
    assert capsys.readouterr().err.count("is the server running there?") == 1
    assert main(["absent", "--watch", *NOBODY]) == 1
    assert "absent: there is no such file or folder" in capsys.readouterr().err


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
def test_a_server_that_is_away_is_told_once_and_at_once(
    capsys: Capture, ways: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portrait_client.retry._BACK_OFF", tenacity.wait_fixed(60))
    make_folder(50)
    assert main(["in", *ways]) == 1
    told = capsys.readouterr().err
    (account, why) = told.splitlines()
    assert account == "50 not tried (they would fail alike)."
    assert "is the server running there? Start one here with  bash scripts/serve.sh, name another" in why
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
    with serving(FaultyServer(PICTURE, held=threading.Event())) as faulty:
        assert faulty.held
        process = subprocess.Popen([*command, faulty.url], env=HERE, stderr=subprocess.PIPE, text=True)
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
        subprocess.run([*command, faulty.url], env=HERE, check=True)
    assert sorted(faulty.photos) == sorted(photo.read_bytes() for photo in photos)
    assert names("out") == [f"{i:02}-draw.png" for i in range(12)]


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

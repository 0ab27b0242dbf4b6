"""pip itself against a package index on loopback, and once against the index of this machine."""

import hashlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import pytest

from handler.module_info import FACE_FILE, PERSON_FILE
from model.weights.errors import WeightsError
from model.weights.person import MEDIAPIPE, Member, Wheel, cached, fetch
from tests.tools.loopback_index import serving, wheel_of

ROOT = Path(__file__).parents[1]
FILES = {"mediapipe/modules/a/person.tflite": b"person" * 1000, "mediapipe/modules/b/face.tflite": b"face" * 1000}
BYTES = wheel_of("mediapipe", "9.9", FILES)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


MEMBERS = tuple(Member(path, sha256(data)) for path, data in FILES.items())
WHEEL = Wheel("mediapipe", "9.9", "manylinux_2_28_x86_64", "311", sha256(BYTES), MEMBERS)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Yield a package index with `WHEEL`, and pip set to it alone."""
    with serving(tmp_path / "index", "mediapipe", "9.9", BYTES) as url:
        use(monkeypatch, url)
        yield url


def use(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    for name, value in {"CONFIG_FILE": os.devnull, "NO_CACHE_DIR": "1", "INDEX_URL": url}.items():
        monkeypatch.setenv(f"PIP_{name}", value)


def refused(folder: Path, wheel: Wheel = WHEEL) -> str:
    with pytest.raises(WeightsError) as caught:
        fetch(folder, wheel)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_the_files_of_the_wheel_are_fetched_once_and_announced(index: str, tmp_path: Path) -> None:
    said: list[str] = []
    assert cached(tmp_path / "person", WHEEL) == ()
    paths = fetch(tmp_path / "person", WHEEL, said.append)
    assert [path.read_bytes() for path in paths] == list(FILES.values())
    assert sorted((tmp_path / "person").iterdir()) == sorted(paths)
    assert len(said) == 1
    assert "mediapipe==9.9" in said[0]
    assert fetch(tmp_path / "person", WHEEL, said.append) == paths == cached(tmp_path / "person", WHEEL)
    assert len(said) == 1


def test_a_damaged_file_is_fetched_again(index: str, tmp_path: Path) -> None:
    first, _ = fetch(tmp_path, WHEEL)
    first.write_bytes(b"damaged")
    assert cached(tmp_path, WHEEL) == ()
    fetch(tmp_path, WHEEL)
    assert first.read_bytes() == FILES["mediapipe/modules/a/person.tflite"]


def test_a_wheel_with_other_bytes_is_refused_and_leaves_nothing(index: str, tmp_path: Path) -> None:
    message = refused(tmp_path / "person", replace(WHEEL, sha256="f" * 64))
    assert sha256(BYTES) in message
    assert "f" * 64 in message
    assert list((tmp_path / "person").iterdir()) == []


def test_a_file_with_other_bytes_is_refused(index: str, tmp_path: Path) -> None:
    person, face = MEMBERS
    message = refused(tmp_path / "person", replace(WHEEL, members=(person, face._replace(sha256="0" * 64))))
    assert "face.tflite" in message


def test_a_wheel_without_the_file_is_refused(index: str, tmp_path: Path) -> None:
    message = refused(tmp_path / "person", replace(WHEEL, members=(Member("mediapipe/none.tflite", "0" * 64),)))
    assert "has no mediapipe/none.tflite" in message
    assert list((tmp_path / "person").iterdir()) == []


def test_an_index_without_the_release_is_told(index: str, tmp_path: Path) -> None:
    message = refused(tmp_path / "person", replace(WHEEL, version="9.8"))
    assert "No matching distribution found for mediapipe==9.8" in message
    assert "PIP_INDEX_URL" in message


def test_nobody_listening_fails_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        use(monkeypatch, f"http://127.0.0.1:{free.getsockname()[1]}/simple")
    started = time.monotonic()
    assert "no connection" in refused(tmp_path)
    assert time.monotonic() - started < 20


def test_the_command_prints_where_the_models_are(monkeypatch: pytest.MonkeyPatch) -> None:
    if not cached():
        use(monkeypatch, "http://127.0.0.1:9/simple")
    done = subprocess.run(
        [sys.executable, "-m", "scripts.fetch_weights", "person"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if cached():
        assert [line.split("/")[-1] for line in done.stdout.splitlines()[::2]] == [PERSON_FILE, FACE_FILE]
        assert done.stdout.splitlines()[1::2] == [f"SHA-256 {member.sha256}" for member in MEDIAPIPE.members]
    else:
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1].startswith("person: could not get mediapipe==0.10.21")


def test_the_real_wheel_gives_models_that_opencv_reads(tmp_path: Path) -> None:
    try:
        paths = fetch(tmp_path)
    except WeightsError as error:
        pytest.skip(str(error))
    for path in paths:
        assert cv2.dnn.readNetFromTFLite(str(path)).getUnconnectedOutLayersNames()

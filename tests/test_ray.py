"""deploy/ray: an archive of photos drawn by a cluster; nothing is lost or drawn twice, whatever is killed."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import cv2
import fsspec
import numpy as np
import pytest
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from PIL import Image
from werkzeug.serving import make_server

pytest.importorskip("ray", reason="Ray is not installed: python3 -m scripts.serving.bootstrap ray")

from deploy.ray.manifest import Journal, Line, begin, picture_of, read_lines, shard_of
from deploy.ray.store import Store, StoreError
from portrait_client.options import Options
from scripts.serving.paths import ROOT, SAMPLE
from tests.tools.archives import changed
from tests.tools.ray_cluster import cluster, join, spared, stored

# Ray leaves /dev/null open for its processes.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

PHOTOS = 12
DRAW = Options("draw")
LEAST_PHOTO = 50_000  # bytes
PATIENCE_SECONDS = 420.0  # a busy machine takes minutes to start a cluster

# Tells of each picture, and takes its time: a kill then finds both nodes at work.
_TELLING = """
import hashlib, pathlib, time
_portrait = portrait

def portrait(job, picture, label, precision):
    time.sleep(0.5)
    name = hashlib.sha256(picture.tobytes()).hexdigest()
    with open({!r}, "a") as told:
        told.write(name + "\\n")
    return _portrait(job, picture, label, precision)
"""
_ENDING = """
import os
_prepare = prepare

def prepare(request, *others):
    if b"poison" in bytes(request.photo):
        os.abort()
    return _prepare(request, *others)
"""


@pytest.fixture(scope="module")
def s3() -> Iterator[dict[str, str]]:
    """Variables of an S3 server on loopback that has a bucket `photos`."""
    server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True)
    Thread(target=server.serve_forever, daemon=True).start()
    keys = {"AWS_ACCESS_KEY_ID": "anna", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}
    variables = {**keys, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.port}"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        fsspec.filesystem("s3").mkdir("photos")
        yield variables
    server.shutdown()


@pytest.fixture(scope="module")
def nodes(s3: dict[str, str]) -> Iterator[Any]:
    """Return a cluster of a node that draws, and one that does not; they know the S3 server."""
    with cluster() as made:
        join(made)
        yield made


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Return a folder of photos that are told apart, one of them deep in it, and of what is none."""
    folder = tmp_path / "album"
    (folder / "deep" / "er").mkdir(parents=True)
    sample = cv2.imread(str(SAMPLE))
    for i in range(PHOTOS):
        turned = np.roll(sample, 40 * i, axis=1)
        cv2.imwrite(str(folder / f"{i}.jpg" if i else folder / "deep" / "er" / "0.jpg"), turned)
    (folder / "notes.txt").write_text("no photo")
    (folder / ".hidden.jpg").write_text("not seen")
    return folder


class Run:
    """The command, drawing in the background."""

    def __init__(self, *arguments: object) -> None:
        command = [sys.executable, "-m", "deploy.ray.draw", *map(str, arguments), "--size", "64"]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )

    def end(self) -> tuple[int, str, str]:
        """Wait for its end; return status, output and what it told beside."""
        output, told = self.process.communicate(timeout=PATIENCE_SECONDS)
        return self.process.returncode, output, told


def pictures(target: Path) -> list[Path]:
    return sorted(path for path in target.glob("??/**/*.png"))


def wait_for(pictures_there: int, target: Path, run: Run) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(pictures(target)) < pictures_there:
        assert run.process.poll() is None, run.end()
        assert time.monotonic() < deadline
        time.sleep(0.1)


def fates(target: Path) -> dict[str, set[str]]:
    """Return what became of each photo; a node that died after its line leaves two."""
    found: dict[str, set[str]] = {}
    for line in read_lines(Store(str(target))):
        found.setdefault(line.photo, set()).add(line.fate)
    return found


def assert_all_are_whole(target: Path) -> None:
    assert len(pictures(target)) == PHOTOS
    for path in pictures(target):
        with Image.open(path) as picture:
            picture.load()
    assert list(target.rglob("*.tmp")) == []


# Without a cluster


def test_a_picture_lies_in_a_shard_by_its_photos_whole_name() -> None:
    assert picture_of("deep/a.jpg", DRAW) == f"{shard_of('deep/a.jpg')}/deep/a.jpg-draw.png"
    assert picture_of("a.jpg", Options("sketch", format="webp")).endswith("/a.jpg-sketch.webp")
    assert len({shard_of(f"{i}.jpg") for i in range(10_000)}) == 256


def test_lines_of_a_journal_survive_what_kills_its_writer(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    line = Line("a.jpg", "bad", 1.0, "no photo \udce9")
    Journal(store).add(line)
    (part,) = tmp_path.rglob("*.jsonl")
    with part.open("a") as file:
        file.write(line.text()[:20])
    assert list(read_lines(store)) == [line]


def test_a_target_that_was_begun_otherwise_is_refused(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    for _ in range(2):
        begin(store, {"archive": "1", "options": [{"style": "draw"}]})
    with pytest.raises(StoreError, match=r"was begun with archive 1, now 2: take another target"):
        begin(store, {"archive": "2", "options": [{"style": "draw"}]})


def test_what_cannot_be_read_or_written_is_named(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    with pytest.raises(StoreError, match=r"none\.jpg: .*No such file"):
        store.read("none.jpg")
    store.write("a", b"whole")
    with pytest.raises(StoreError, match=r"a/b: .*File exists"):
        store.write("a/b", b"")
    assert store.read("a") == b"whole"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["{}/none", "{}/out"], "none: holds no photo"),
        (["{}", "{}/out", "--archive", "none.mar"], "No such file or directory: 'none.mar'"),
        (["nowhere://photos", "{}/out"], "nowhere://photos: Protocol not known: nowhere"),
    ],
)
def test_what_cannot_begin_is_one_line(archive: Path, album: Path, arguments: list[str], says: str) -> None:
    given = [argument.format(album) for argument in arguments]
    given += [] if "--archive" in given else ["--archive", str(archive)]
    status, output, told = Run(*given).end()
    assert (status, output) == (1, "")
    assert says in told
    assert told.count("\n") == 1


# On a cluster


def test_photos_of_an_object_store_are_drawn_into_it_and_what_is_bad_is_told(
    archive: Path, album: Path, nodes: Any, s3: dict[str, str], tmp_path: Path
) -> None:
    mortal = changed(archive, tmp_path, "handler/preprocess.py", _ENDING)
    store = fsspec.filesystem("s3", use_listings_cache=False)
    (album / "poison.jpg").write_bytes(b"poison")
    (album / "text.jpg").write_text("no photo")
    for path in (*sorted(album.glob("[0-9]*.jpg"))[:4], *album.glob("[npt]*.*")):
        store.put_file(str(path), f"photos/in/{path.name}")
    arguments = ("s3://photos/in", "s3://photos/in/drawn", "--archive", mortal, "--address", nodes.address)
    more = ("--style", "draw,sketch", "--price", "0.36")
    status, output, told = Run(*arguments, *more).end()
    assert status == 0, told
    assert "photos   6, none before" in output
    assert "now      2 bad, 4 drawn" in output
    assert "photos/s by 1 processes on 1 nodes" in output
    assert "for a million" in output
    assert "skipped  1 .txt" in output
    assert "poison.jpg: the process that draws has ended, with status -6" in told
    assert "text.jpg: " in told
    keys = store.find("photos/in/drawn")
    assert sum(key.endswith("-draw.png") for key in keys) == sum(key.endswith("-sketch.png") for key in keys) == 4
    assert Counter(line.fate for line in read_lines(Store("s3://photos/in/drawn"))) == {"drawn": 4, "bad": 2}
    status, output, _ = Run(*arguments, *more).end()
    assert (status, output.splitlines()[0]) == (0, "photos   6, 2 bad, 4 drawn before")


def test_a_killed_run_goes_on_where_it_was(archive: Path, album: Path, nodes: Any, tmp_path: Path) -> None:
    told = tmp_path / "told"
    telling = changed(archive, tmp_path, "handler/answer.py", _TELLING.format(str(told)))
    target = album / "drawn"  # among the photos, which it does not join
    arguments = (album, target, "--archive", telling, "--address", nodes.address)
    first = Run(*arguments)
    wait_for(4, target, first)
    os.killpg(first.process.pid, signal.SIGKILL)
    first.end()
    status, _, said = Run(*arguments).end()
    assert status == 0, said
    assert_all_are_whole(target)
    assert fates(target).keys() == {f"{i}.jpg" for i in range(1, PHOTOS)} | {"deep/er/0.jpg"}
    # the photo that was under way may have been drawn and not yet written, and both runs draw the canary
    drawings = Counter(told.read_text().split())
    assert sum(drawings.values()) - PHOTOS - 2 <= 1


def test_a_node_that_is_killed_loses_no_photo(archive: Path, album: Path, tmp_path: Path) -> None:
    told = tmp_path / "told"
    telling = changed(archive, tmp_path, "handler/answer.py", _TELLING.format(str(told)))
    target = tmp_path / "drawn"
    with cluster() as made:
        drawing = [join(made), join(made)]
        run = Run(album, target, "--archive", telling, "--address", made.address)
        wait_for(5, target, run)
        # no photo passes through Ray, nor a picture: the three nodes hold the archive and nothing else
        assert all(stored(made) < 3 * archive.stat().st_size + LEAST_PHOTO for _ in range(5))
        made.remove_node(spared(made, drawing), allow_graceful=False)
        status, output, said = run.end()
    assert status == 0, said
    assert "by 2 processes on 2 nodes" in output
    assert_all_are_whole(target)
    assert len(fates(target)) == PHOTOS
    assert all(found <= {"drawn", "there"} and "drawn" in found for found in fates(target).values())
    assert sum(Counter(told.read_text().split()).values()) - PHOTOS - 1 <= 1  # the canary; the photo under way


def test_a_photo_with_a_line_is_not_asked_for_again(archive: Path, album: Path, tmp_path: Path) -> None:
    target = Store(str(tmp_path / "drawn"))
    journal = Journal(target)
    for path in album.rglob("[0-9]*.jpg"):
        journal.add(Line(str(path.relative_to(album)), "drawn", 1.0))
    # no cluster is joined: there is nothing to draw
    status, output, told = Run(album, tmp_path / "drawn", "--archive", archive, "--address", "127.0.0.1:1").end()
    assert (status, output) == (0, f"photos   {PHOTOS}, {PHOTOS} drawn before\nskipped  1 .txt\n"), told

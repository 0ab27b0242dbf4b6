"""Drawing on this machine with an archive's own handler: which code runs, and what is refused."""

import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from portrait_client import Options, PortraitError, RefusedError, UnavailableError
from portrait_client.local import LocalPortraits
from scripts.serving.paths import ROOT, SAMPLE
from tests.tools.archives import changed

PHOTO = SAMPLE.read_bytes()
SMALL = Options(size=64)


def refusal_of(archive: Path) -> str:
    with pytest.raises(PortraitError) as caught:
        LocalPortraits(archive, processes=2)
    assert caught.value.code == 0
    assert caught.value.message.endswith("; build it:  .venv/bin/python -m scripts.build_archive --weights auto")
    assert "\n" not in caught.value.message
    return caught.value.message.rpartition(";")[0]


def test_the_archives_own_handler_draws_and_not_the_checkouts(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    own = changed(archive, tmp_path, "handler/module_info.py", "\nModuleInfo.label = 'of the archive'\n")
    with LocalPortraits(own) as changed_one, LocalPortraits(archive) as usual:
        assert changed_one.draw(PHOTO, SMALL).weights == "of the archive"
        assert usual.draw(PHOTO, SMALL).weights != "of the archive"


def test_what_a_handler_prints_is_no_answer(archive: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    talks = changed(archive, tmp_path, "handler/answer.py", "\nprint('said by the handler', flush=True)\n")
    with LocalPortraits(talks) as local:
        assert local.draw(PHOTO, SMALL).size is not None
    told = capfd.readouterr()
    assert (told.out, told.err) == ("", "said by the handler\n")


def test_an_archive_that_is_none_says_how_to_build_one(tmp_path: Path) -> None:
    (tmp_path / "text.mar").write_text("no archive")
    assert refusal_of(tmp_path / "absent.mar").endswith("absent.mar is not there")
    assert "text.mar does not load (" in refusal_of(tmp_path / "text.mar")


@pytest.mark.parametrize(
    ("entry", "more", "says"),
    [
        ("handler/__init__.py", None, "holds no handler to draw with"),
        ("handler/request.py", None, "does not fit this client (No module named 'handler.request')"),
        ("handler/request.py", "\ndel parse_request\n", "does not fit this client"),
        ("handler/settings.py", "\nraise ValueError('broken')\n", "does not load (broken)"),
        ("model-config.yaml", None, "does not load ("),
    ],
)
def test_an_archive_that_does_not_fit_is_refused(
    archive: Path, tmp_path: Path, entry: str, more: str | None, says: str
) -> None:
    assert says in refusal_of(changed(archive, tmp_path, entry, more))


def test_a_process_that_is_gone_is_told_and_not_waited_for(archive: Path, tmp_path: Path) -> None:
    mortal = changed(archive, tmp_path, "handler/preprocess.py", "\nimport os\nprepare = lambda *_: os.abort()\n")
    with LocalPortraits(mortal) as local:
        for _ in range(2):
            with pytest.raises(UnavailableError, match=r"the process that draws has ended, with status -6"):
                local.draw(PHOTO, SMALL)


def test_nothing_is_left_behind(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with LocalPortraits(archive):
        assert list(tmp_path.iterdir()) != []
    assert list(tmp_path.iterdir()) == []


def test_the_network_runs_once_for_styles_that_see_the_same(
    archive: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    counting = changed(archive, tmp_path, "handler/inference.py", _COUNTING)
    wanted = [Options("draw", size=64), Options("composite", size=64), Options("draw", line="bold", size=64)]
    with LocalPortraits(counting) as local, LocalPortraits(archive) as usual:
        pictures = list(local.draw_each(PHOTO, [*wanted, Options("draw", background="mauve")]))
        assert pictures[:3] == [usual.draw(PHOTO, one) for one in wanted]
    assert isinstance(pictures[3], RefusedError)
    assert capfd.readouterr().err.count("the network runs") == 2  # draw and composite see the same


def test_as_many_photos_are_drawn_at_once_as_there_are_processes(archive: Path, tmp_path: Path) -> None:
    meeting = changed(archive, tmp_path, "handler/request.py", _MEETING.format(str(tmp_path)))
    with LocalPortraits(meeting, processes=2) as local, ThreadPoolExecutor(4) as pool:
        pictures = list(pool.map(lambda _: local.draw(PHOTO, SMALL), range(4)))
    assert len({picture.data for picture in pictures}) == 1
    assert len(list(tmp_path.glob("*.here"))) == 2


def test_several_processes_leave_nothing_behind(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with LocalPortraits(archive, processes=2):
        assert sum(path.stat().st_size for path in tmp_path.rglob("*")) < 1.5 * archive.stat().st_size  # unpacked once
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_lets_the_photo_under_way_be_finished(archive: Path, tmp_path: Path) -> None:
    slow = changed(archive, tmp_path, "handler/request.py", _SLOW_REQUEST)
    for name in ("a.jpg", "b.jpg"):
        shutil.copy(SAMPLE, tmp_path / name)
    command = [sys.executable, "-m", "portrait_client", ".", "--size", "64", "--local", "--at-once", "1", "--archive"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    client = subprocess.Popen(
        [*command, str(slow)], cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert client.stderr
    assert client.stderr.readline() == "drawing\n"
    os.killpg(client.pid, signal.SIGINT)  # as a terminal sends it: to both processes
    _, told = client.communicate(timeout=60)
    assert client.returncode == 130
    assert told.splitlines()[-1].startswith("1 drawn, 1 not tried (interrupted")
    assert (tmp_path / "a-draw.png").exists()


_COUNTING = """
_draw = LineDrawer._draw

def _counted(self, photos):
    print("the network runs", flush=True)
    return _draw(self, photos)

LineDrawer._draw = _counted
"""

# nobody goes on before two have come
_MEETING = """
import os, pathlib, time
_parse = parse_request

def parse_request(row, headers):
    folder = pathlib.Path({!r})
    (folder / f"{{os.getpid()}}.here").touch()
    while len(list(folder.glob("*.here"))) < 2:
        time.sleep(0.05)
    return _parse(row, headers)
"""

_SLOW_REQUEST = """
import time
_parse = parse_request

def parse_request(row, headers):
    print("drawing", flush=True)
    time.sleep(2)
    return _parse(row, headers)
"""

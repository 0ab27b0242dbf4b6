"""scripts/healthcheck.py on a real server, and what it takes for a drawing."""

import io
import re
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from PIL import Image

from scripts import healthcheck
from scripts.serving.canary import CanaryError, check, photo
from scripts.serving.paths import ROOT
from tests.tools.serving import Server

MOST_OF_A_CORE = 0.03


def png(width: int, height: int, *inked: tuple[int, int]) -> bytes:
    image = Image.new("L", (width, height), 255)
    for point in inked:
        image.putpixel(point, 0)
    written = io.BytesIO()
    image.save(written, "PNG")
    return written.getvalue()


def test_a_drawing_of_the_canarys_size_is_taken() -> None:
    check(png(64, 64, (30, 30)))
    check(photo())


@pytest.mark.parametrize(
    ("picture", "reason"),
    [
        (b"", "not a PNG"),
        (b'{"code": 200}', "not a PNG"),
        (png(64, 64, (1, 1))[:60], "not a PNG"),
        (png(64, 63, (1, 1)), "64 x 64 pixels, got 64 x 63"),
        (png(64, 64), "blank: all of it is 255"),
    ],
)
def test_what_is_no_drawing_is_told_from_one(picture: bytes, reason: str) -> None:
    with pytest.raises(CanaryError, match=reason):
        check(picture)


def test_a_server_that_draws_is_healthy_and_none_is_not(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert healthcheck.main([str(server.run.folder)]) == 0
    assert capsys.readouterr().out == "it draws\n"
    assert healthcheck.main([str(tmp_path)]) == 1
    assert capsys.readouterr().out.startswith("no answer: FileNotFoundError")


def interval() -> int:
    """Seconds from one check of the image to the next."""
    return int(re.findall(r"--interval=(\d+)s", (ROOT / "Dockerfile").read_text())[0])


def test_it_takes_little_of_a_core_at_its_interval(server: Server) -> None:
    drawing = [psutil.Process(worker.pid) for worker in server.model().workers]
    command = [sys.executable, "-m", "scripts.healthcheck", str(server.run.folder)]

    def seconds() -> float:
        before = sum(sum(process.cpu_times()[:2]) for process in drawing)
        own = psutil.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
        own_seconds = 0.0
        while own.is_running() and own.status() != psutil.STATUS_ZOMBIE:
            own_seconds = sum(own.cpu_times()[:2])
            time.sleep(0.005)
        assert own.wait() == 0
        return own_seconds + sum(sum(process.cpu_times()[:2]) for process in drawing) - before

    # others work on this machine, too: the least is what it takes
    assert min(seconds() for _ in range(5)) < MOST_OF_A_CORE * interval()

"""The real client of the hub against a hub on loopback."""

import fcntl
import hashlib
import json
import os
import pty
import socket
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import pytest

import model.weights.hub
from model.weights.errors import WeightsError
from model.weights.hub import HubFile
from model.weights.source import Weights, resolve
from model.weights.stall import Watch, while_alive
from tests.tools.loopback_hub import COMMIT, REPOSITORY, LoopbackHub, serving, use

ROOT = Path(__file__).parents[1]
FILE = "portrait.pth"
ASKED = HubFile(REPOSITORY, FILE)
DATA = hashlib.shake_256(b"weights").digest(300_000)
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LoopbackHub]:
    """Yield a hub with one file, and a client in this process that knows no other and has an empty cache."""
    with serving(LoopbackHub({FILE: DATA})) as hub:
        use(monkeypatch, hub.url, tmp_path)
        yield hub
    huggingface_hub.close_session()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "weights.lock"


def got(lock: Path, asked: HubFile = ASKED, update_lock: bool = False) -> Weights:
    return resolve("hub", asked, lock, update_lock)


def refused(lock: Path, asked: HubFile = ASKED, update_lock: bool = False) -> str:
    with pytest.raises(WeightsError) as caught:
        got(lock, asked, update_lock)
    message = str(caught.value)
    assert "\n" not in message
    return message


def leftovers(tmp_path: Path) -> list[Path]:
    """Files of the cache that hold bytes of the weights."""
    cache = tmp_path / "cache"
    return [path for path in cache.rglob("*") if path.is_file() and path.stat().st_size > 1000]


def test_the_first_fetch_downloads_checks_and_locks(hub: LoopbackHub, lock: Path) -> None:
    weights = got(lock)
    assert weights.path.read_bytes() == DATA
    assert (weights.name, weights.sha256) == ("portrait", SHA256)
    assert json.loads(lock.read_text()) == {
        "repository": REPOSITORY,
        "revision": COMMIT,
        "file": FILE,
        "size": len(DATA),
        "sha256": SHA256,
    }


def test_what_is_locked_and_cached_needs_no_hub(hub: LoopbackHub, lock: Path) -> None:
    first = got(lock)
    hub.asked.clear()
    assert got(lock) == first
    assert hub.asked == []


def test_a_locked_hub_that_moved_on_still_gives_the_locked_commit(hub: LoopbackHub, lock: Path, tmp_path: Path) -> None:
    got(lock)
    hub.asked.clear()
    for path in leftovers(tmp_path):
        path.unlink()
    assert got(lock).sha256 == SHA256
    assert all(f"/resolve/{COMMIT}/" in line for line in hub.asked)


def test_other_bytes_than_the_locked_ones_are_not_even_downloaded(hub: LoopbackHub, lock: Path) -> None:
    got(lock)
    hub.files[FILE] = b"other" * 5000
    hub.commit = COMMIT[::-1]
    hub.asked.clear()
    message = refused(lock, HubFile(REPOSITORY, FILE, "main"))
    assert hub.downloads() == 0
    assert f"sha256 {hashlib.sha256(hub.files[FILE]).hexdigest()} instead of {SHA256}" in message
    assert "--update-lock" in message


def test_update_lock_takes_and_locks_what_the_hub_has_now(hub: LoopbackHub, lock: Path) -> None:
    got(lock)
    hub.files[FILE] = b"other" * 5000
    hub.commit = COMMIT[::-1]
    weights = got(lock, update_lock=True)
    assert weights.path.read_bytes() == hub.files[FILE]
    locked = json.loads(lock.read_text())
    assert (locked["revision"], locked["sha256"]) == (hub.commit, weights.sha256)


def test_another_file_than_the_locked_one_is_refused(hub: LoopbackHub, lock: Path) -> None:
    got(lock)
    message = refused(lock, HubFile(REPOSITORY, "other.pth"))
    assert f"locked to {FILE} of {REPOSITORY}" in message
    assert "--update-lock" in message


@pytest.mark.parametrize("text", ["", "[]", '{"repository": "a/b"}', "\x00"])
def test_a_damaged_lock_is_refused(hub: LoopbackHub, lock: Path, text: str) -> None:
    lock.write_text(text)
    assert "weights.lock: damaged" in refused(lock)
    assert hub.asked == []


def test_a_file_with_another_hash_than_stated_is_deleted(hub: LoopbackHub, lock: Path, tmp_path: Path) -> None:
    hub.states = "f" * 64
    message = refused(lock)
    assert SHA256 in message
    assert hub.states in message
    assert leftovers(tmp_path) == []
    assert not lock.exists()
    hub.states = None
    assert got(lock).sha256 == SHA256


def test_a_cached_file_that_rotted_is_deleted(hub: LoopbackHub, lock: Path, tmp_path: Path) -> None:
    path = got(lock).path
    path.resolve().write_bytes(DATA[:-1] + b"?")
    assert "deleted from the cache: fetch it again" in refused(lock)
    assert leftovers(tmp_path) == []
    assert got(lock).sha256 == SHA256


def test_a_cut_connection_is_resumed(hub: LoopbackHub, lock: Path) -> None:
    hub.cuts = 1
    assert got(lock).path.read_bytes() == DATA
    assert hub.downloads() == 2


def test_a_connection_that_is_always_cut_leaves_nothing(
    hub: LoopbackHub, lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda _: None)
    hub.files[FILE] = DATA[:2000]
    hub.cuts = 1000
    message = refused(lock)
    assert f"could not get {FILE} of {REPOSITORY} at main from {hub.url}" in message
    assert leftovers(tmp_path) == []
    assert not lock.exists()


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (HubFile("someone/else", FILE), "the repository does not exist or is closed to you"),
        (HubFile(REPOSITORY, "absent.pth"), "there is no absent.pth of someone/portraits at main"),
        (HubFile(REPOSITORY, FILE, "v9"), "there is no portrait.pth of someone/portraits at v9"),
        (HubFile("no such name", FILE), "no such name"),
    ],
)
def test_what_is_not_on_the_hub_is_named(hub: LoopbackHub, lock: Path, asked: HubFile, says: str) -> None:
    assert says in refused(lock, asked)
    assert not lock.exists()


def test_too_many_requests_says_how_long_to_wait(hub: LoopbackHub, lock: Path) -> None:
    hub.status = 429
    message = refused(lock)
    assert "429" in message
    assert "try in 77 s" in message
    assert "HF_TOKEN" in message


def test_a_hub_in_trouble_is_named_with_its_status(hub: LoopbackHub, lock: Path) -> None:
    hub.status = 503
    assert f"{hub.url} answered 503" in refused(lock)


@pytest.mark.parametrize("status", [429, 503])
def test_a_cached_file_does_for_a_hub_in_trouble(hub: LoopbackHub, lock: Path, status: int) -> None:
    first = got(lock)
    lock.unlink()
    hub.status = status
    assert got(lock) == first


def test_a_server_that_is_no_hub_is_refused(hub: LoopbackHub, lock: Path) -> None:
    hub.states = "of-a-small-file-in-git"
    assert "it is no hub, or the file is not stored with Git LFS" in refused(lock)


def test_nobody_listening_fails_at_once(lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        use(monkeypatch, f"http://127.0.0.1:{free.getsockname()[1]}", tmp_path)
    started = time.monotonic()
    assert "check the network, HTTPS_PROXY and HF_ENDPOINT" in refused(lock)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_silence_is_ended(hub: LoopbackHub, lock: Path, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    monkeypatch.setattr(model.weights.hub, "while_alive", lambda call: while_alive(call, stall_s=1))
    hub.silent = method
    assert "no answer for 1 s" in refused(lock)
    assert not lock.exists()


def test_progress_keeps_a_slow_call_alive() -> None:
    def slow(watch: Watch) -> str:
        for _ in range(6):
            time.sleep(0.1)
            watch.tick()
        return "whole"

    assert while_alive(slow, stall_s=0.4) == "whole"


def test_a_terminal_shows_progress(tmp_path: Path) -> None:
    screen, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 25, 80, 0, 0))
    with serving(LoopbackHub({FILE: DATA})) as hub:
        done = run(hub.url, tmp_path, stderr=terminal)
    shown = os.read(screen, 100_000).decode()
    os.close(terminal)
    os.close(screen)
    assert done.returncode == 0
    assert "100%" in shown


def run(
    hub_url: str, tmp_path: Path, *options: str, stderr: int = subprocess.PIPE, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "scripts.fetch_weights", "--lock", str(tmp_path / "weights.lock"),
         "--repository", REPOSITORY, "--file", FILE, *options],
        cwd=ROOT,
        env={**os.environ, "HF_ENDPOINT": hub_url, "HF_HOME": str(tmp_path / "home"), **environment},
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        check=False,
        timeout=60,
    )  # fmt: skip


def test_the_script_obeys_the_environment(tmp_path: Path) -> None:
    with serving(LoopbackHub({FILE: DATA})) as hub:
        done = run(hub.url, tmp_path, HF_TOKEN="hf_secret")
        assert done.returncode == 0, done.stderr
        path, digest = done.stdout.splitlines()
        assert Path(path).is_relative_to(tmp_path / "home" / "hub")
        assert digest == f"SHA-256 {SHA256}"
        assert hub.tokens == {"Bearer hf_secret"}
        assert done.stderr == "", "no terminal, no progress bar"
        offline = run(hub.url, tmp_path, HF_HUB_OFFLINE="1")
        assert offline.stdout == done.stdout
        elsewhere = run(hub.url, tmp_path / "new", "--lock", str(tmp_path / "no.lock"), HF_HUB_OFFLINE="1")
    assert elsewhere.returncode == 1
    assert elsewhere.stderr.startswith("hub: HF_HUB_OFFLINE is set")
    assert elsewhere.stderr.count("\n") == 1


def test_fetching_does_not_wait_for_torch() -> None:
    code = "import sys; sys.modules['torch'] = None; import scripts.fetch_weights"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_the_script_gives_up_on_a_silent_hub_within_20_seconds(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, never answers
        started = time.monotonic()
        done = run(f"http://127.0.0.1:{silent.getsockname()[1]}", tmp_path)
        took = time.monotonic() - started
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "check the network" in done.stderr
    assert took < 20

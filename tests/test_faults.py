"""What breaks, on a real server: who waits gets an error, never a wrong picture; the next request is right again."""

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import huggingface_hub
import psutil
import pytest
import requests

from model.weights.errors import WeightsError
from model.weights.hub import HubFile
from model.weights.source import resolve
from scripts import healthcheck
from scripts.serving.errors import SetupError
from scripts.serving.java import ensure_java
from scripts.serving.keys import key_of
from scripts.serving.machine import Arrangement
from scripts.serving.paths import SAMPLE
from scripts.serving.promise import Promise
from scripts.serving.readiness import wait_until_ready
from scripts.serving.server import SOCKET, SOCKET_PATH_BYTES, Run, start, stop
from scripts.serving.settings import HOST
from scripts.serving.state import group_members, read_state
from tests.tools.faults import busy_worker, filled, small_disk
from tests.tools.loopback_hub import REPOSITORY, LoopbackHub, use
from tests.tools.loopback_hub import serving as serving_hub
from tests.tools.proxy import NGINX, Proxy, start_proxy
from tests.tools.serving import Server, free_ports, serving

PHOTO = SAMPLE.read_bytes()
PREDICT = "/predictions/portrait"
HUNG_SECONDS = 8  # after which a worker counts as hung here
SLACK_SECONDS = 30.0  # a worker's start, with others at work on this machine
LEAVING = 8
SECRET = "postgres://user:secret@database"


@pytest.fixture(scope="module")
def served(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Two workers, keys, and little patience with a worker that hangs."""
    folder = tmp_path_factory.mktemp("faults")
    promise = Promise(places=20, response_seconds=HUNG_SECONDS)
    run = Run(free_ports(), Arrangement(2, 2), True, archive, ensure_java(), folder, promise=promise)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", SECRET)
        with serving(run) as server:
            yield server


@pytest.fixture(scope="module")
def right(served: Server) -> bytes:
    """Return the picture of PHOTO."""
    answer = ask(served)
    assert answer.status_code == 200
    return answer.content


@pytest.fixture(scope="module")
def proxy(served: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    if NGINX is None:
        pytest.skip("no nginx here; get it with: bash tests/tools/fetch_nginx.sh")
    running = start_proxy(tmp_path_factory.mktemp("nginx"), served.run.ports)
    yield running
    running.stop()


@pytest.fixture
def crew() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(LEAVING) as crew:
        yield crew


def key(server: Server) -> dict[str, str]:
    return {"Authorization": f"Bearer {key_of(server.run.folder, 'inference')}"}


def ask(server: Server, url: str | None = None, **more: str) -> requests.Response:
    return requests.post(url or server.predictions, data=PHOTO, headers={**key(server), **more}, timeout=120)


def is_error(answer: requests.Response) -> bool:
    """Whether it is one, in TorchServe's shape, and no picture or part of one."""
    return answer.status_code >= 500 and set(answer.json()) == {"code", "type", "message"}


def wait_until(holds: Callable[[], bool], seconds: float = SLACK_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come to that in time"
        time.sleep(0.2)


def test_a_worker_killed_at_a_photo_answers_an_error_and_the_next_photo_is_right(
    served: Server, right: bytes, crew: ThreadPoolExecutor
) -> None:
    waiting = crew.submit(ask, served)
    busy_worker(served).kill()
    broken = waiting.result()
    assert is_error(broken)
    assert broken.status_code in (500, 507)  # 507 where Java sees the exit status before it answers
    assert ask(served).content == right


def test_the_proxy_has_another_worker_draw_what_one_died_at(
    served: Server, proxy: Proxy, right: bytes, crew: ThreadPoolExecutor
) -> None:
    wait_until(lambda: sum(worker.is_ready for worker in served.model().workers) == 2)
    waiting = crew.submit(ask, served, proxy.url(PREDICT))
    busy_worker(served).kill()
    assert waiting.result().content == right


def test_a_worker_that_hangs_at_a_photo_is_given_up_in_seconds_while_the_other_draws(
    served: Server, right: bytes, crew: ThreadPoolExecutor
) -> None:
    wait_until(lambda: sum(worker.is_ready for worker in served.model().workers) == 2)
    began = time.monotonic()
    waiting = crew.submit(ask, served)
    hung = busy_worker(served)
    hung.suspend()
    assert healthcheck.main([str(served.run.folder)]) == 0
    assert is_error(waiting.result())
    assert HUNG_SECONDS - 2 < time.monotonic() - began < HUNG_SECONDS + SLACK_SECONDS
    assert ask(served).content == right
    assert not hung.is_running()


def test_a_server_whose_workers_all_hang_is_unhealthy_until_they_are_replaced(served: Server, right: bytes) -> None:
    wait_until(lambda: sum(worker.is_ready for worker in served.model().workers) == 2)
    for worker in served.model().workers:
        os.kill(worker.pid, signal.SIGSTOP)
    assert healthcheck.main([str(served.run.folder), "--max-wait", "2"]) == 1
    wait_until(lambda: healthcheck.main([str(served.run.folder)]) == 0, HUNG_SECONDS + SLACK_SECONDS)
    assert ask(served).content == right


def test_a_worker_without_memory_answers_an_error_and_the_next_photo_is_right(served: Server, right: bytes) -> None:
    wait_until(lambda: sum(worker.is_ready for worker in served.model().workers) == 2)
    workers = [psutil.Process(worker.pid) for worker in served.model().workers]
    before = [worker.rlimit(psutil.RLIMIT_AS) for worker in workers]
    for worker in workers:
        worker.rlimit(psutil.RLIMIT_AS, (worker.memory_info().vms, -1))
    starved = ask(served, **{"Portrait-Size": "4096", "Portrait-Style": "composite"})
    for worker, limits in zip(workers, before, strict=True):
        if worker.is_running():
            worker.rlimit(psutil.RLIMIT_AS, limits)
    assert is_error(starved)
    assert ask(served).content == right


def test_workers_know_no_secret_whatever_its_variable_is_called(served: Server) -> None:
    state = read_state(served.run.folder)
    assert state
    assert SECRET in psutil.Process(state.pid).environ().values()
    for worker in served.model().workers:
        variables = psutil.Process(worker.pid).environ()
        assert SECRET not in variables.values()
        assert {"PATH", "OMP_NUM_THREADS", "GLIBC_TUNABLES", "PORTRAIT_PRECISION", "TMPDIR"} <= set(variables)


def test_nobody_draws_for_clients_who_left(served: Server, proxy: Proxy, right: bytes) -> None:
    wait_until(lambda: sum(worker.is_ready for worker in served.model().workers) == 2)
    before = drawn(served)
    for client in [leaving(proxy, served) for _ in range(LEAVING)]:
        client.close()
    assert ask(served, proxy.url(PREDICT)).content == right
    # one for each worker had begun, at most
    assert drawn(served) - before <= len(served.model().workers) + 1


def leaving(proxy: Proxy, server: Server) -> socket.socket:
    """Send a whole photo and wait for nothing."""
    client = socket.create_connection((HOST, proxy.ports[8000]))
    lines = ["POST /predictions/portrait HTTP/1.1", "Host: localhost", f"Content-Length: {len(PHOTO)}"]
    lines += ["Content-Type: image/jpeg", f"Authorization: {key(server)['Authorization']}", "", ""]
    client.sendall("\r\n".join(lines).encode() + PHOTO)
    return client


def drawn(server: Server) -> float:
    """Return how many photos were drawn so far."""
    lines = requests.get(f"{server.metrics}/metrics", timeout=20).text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if "portrait_requests_total{" in line and '"drawn"' in line)


def test_an_old_key_is_refused_and_the_new_one_is_good(served: Server, right: bytes) -> None:
    old = key(served)
    renew = {"Authorization": f"Bearer {key_of(served.run.folder, 'API')}"}
    requests.get(f"{served.management}/token?type=inference", headers=renew, timeout=20).raise_for_status()
    refused = requests.post(served.predictions, data=PHOTO, headers=old, timeout=20)
    assert (refused.status_code, refused.json()["type"]) == (400, "InvalidKeyException")
    assert healthcheck.main([str(served.run.folder)]) == 0
    assert ask(served).content == right


def test_javas_death_is_an_error_then_503_and_a_new_start_ends_the_orphans(
    served: Server, proxy: Proxy, right: bytes, crew: ThreadPoolExecutor
) -> None:
    wait_until(lambda: sum(worker.is_ready for worker in served.model().workers) == 2)
    state = read_state(served.run.folder)
    assert state
    orphans = served.model().workers
    waiting: Future[requests.Response] = crew.submit(ask, served, proxy.url(PREDICT))
    busy_worker(served).suspend()  # so that it is there still when Java starts again
    os.kill(state.pid, signal.SIGKILL)
    broken = waiting.result()
    assert is_error(broken)
    assert broken.headers["Retry-After"]
    away = ask(served, proxy.url(PREDICT))
    assert (away.status_code, bool(away.headers["Retry-After"])) == (503, True)
    assert any(psutil.pid_exists(worker.pid) for worker in orphans)

    again = start(served.run, tied=True)
    assert group_members(state.pid) == []
    try:
        wait_until_ready(served.run, again)
        assert ask(served, proxy.url(PREDICT)).content == right
    finally:
        stop(served.run.folder)
        again.wait()


@pytest.fixture
def longest(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Yield the folder for temporary files, for one test: the longest path in which workers find their sockets."""
    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        room = SOCKET_PATH_BYTES - len(f"{short}//portrait-12345678/{SOCKET}")
        folder = Path(short, "d" * room)
        folder.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(folder))
        yield folder


def test_a_folder_too_long_for_sockets_is_one_line_and_leaves_nothing(
    archive: Path, tmp_path: Path, longest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    longer = longest.with_name(f"{longest.name}d")
    longer.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(longer))
    with pytest.raises(SetupError, match=rf"^{longer} is too long .* 108 bytes of 107\..* export TMPDIR=/tmp$"):
        start(Run(free_ports(), Arrangement(1, 2), False, archive, ensure_java(), tmp_path / "run"), tied=True)
    assert not list(longer.iterdir())


def test_a_full_disk_spoils_no_picture(archive: Path, right: bytes, longest: Path) -> None:
    with small_disk(longest, "256m") as disk:
        run = Run(free_ports(), Arrangement(1, 2), False, archive, ensure_java(), disk / "run")
        with serving(run) as server:
            with filled(disk):
                on_full_disk = ask(server)
                assert on_full_disk.content == right or is_error(on_full_disk)
            assert ask(server).content == right


def test_a_start_on_a_full_disk_is_one_line_and_leaves_nothing(archive: Path, tmp_path: Path, longest: Path) -> None:
    with small_disk(longest, "4m") as disk:
        run = Run(free_ports(), Arrangement(1, 2), False, archive, ensure_java(), tmp_path / "run")
        with pytest.raises(SetupError, match=r"^.*could not be unpacked.*No space left on device$"):
            start(run, tied=True)
        assert sum(path.stat().st_size for path in disk.rglob("*") if path.is_file()) == 0


@pytest.mark.filterwarnings("ignore:Not enough free disk space")  # the hub's client says so first, and tries
def test_weights_on_a_full_disk_are_one_line_and_come_once_there_is_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = LoopbackHub({"portrait.pth": bytes(300_000)})
    with small_disk(tmp_path / "disk", "200k") as disk, serving_hub(hub):
        use(monkeypatch, hub.url, disk)
        asked = HubFile(REPOSITORY, "portrait.pth")
        with pytest.raises(WeightsError, match=r"^[^\n]*No space left on device[^\n]*$"):
            resolve("hub", asked, tmp_path / "weights.lock", False)
        subprocess.run(["mount", "-o", "remount,size=4m", disk], check=True)
        assert resolve("hub", asked, tmp_path / "weights.lock", False).path.stat().st_size == 300_000
    huggingface_hub.close_session()

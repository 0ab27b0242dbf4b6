"""The image, built and run for real. It takes root and some ten minutes: `bash scripts/test_image.sh` runs it."""

import os
import re
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import grpc
import numpy as np
import pytest
import requests

from scripts.serving.paths import SAMPLE
from scripts.serving.settings import HOST, Ports
from tests.tools.image_build import IMAGE, build, make_base, open_store
from tests.tools.image_run import Container, start
from tests.tools.serving import LARGE_MESSAGES, Stubs, free_ports

WEIGHTS = os.environ.get("PORTRAIT_IMAGE_WEIGHTS")
READY_SECONDS = 120
STOP_SECONDS = 20
OPEN = ("--host", "0.0.0.0")
POD_CORES = 2  # what deploy/kubernetes grants
MAX_MEMORY = 4096  # MiB, likewise

pytestmark = pytest.mark.skipif(
    not WEIGHTS, reason="builds an image as root, some ten minutes: bash scripts/test_image.sh"
)


@pytest.fixture(scope="module")
def ports() -> Ports:
    return free_ports()


@pytest.fixture(scope="module")
def container(ports: Ports, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    """Yield the image's container, started but perhaps not ready."""
    store = open_store()
    make_base(store)
    build(store, WEIGHTS or "")
    print(f"\nimage size: {store.size(IMAGE) / 1e6:.0f} MB")
    root = Path(store.buildah("mount", store.buildah("from", "--pull-never", IMAGE)))
    log = tmp_path_factory.mktemp("container") / "output.log"
    running = start(root, store.config(IMAGE), log, *OPEN, "--port-offset", str(ports.rest - Ports.rest))
    try:
        yield running
    finally:
        running.kill()
        store.buildah("rm", "--all")
        print(f"\n{log.read_text(errors='replace')[-2000:]}")


@pytest.fixture(scope="module")
def ready(container: Container) -> Container:
    """Return the container once its health check says so."""
    wait_until_healthy(container)
    return container


def wait_until_healthy(container: Container) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while (told := container.health()).returncode:
        assert time.monotonic() < deadline, told.stdout + told.stderr
        time.sleep(0.5)


def is_drawing(picture: bytes) -> bool:
    """512 x 512 like the sample, with paper and ink."""
    pixels = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_GRAYSCALE)
    return pixels is not None and pixels.shape == (512, 512) and pixels.min() < 128 < pixels.max()


def test_health_check_fails_until_the_model_is_ready(container: Container) -> None:
    assert container.health().returncode == 1
    began = time.monotonic()
    wait_until_healthy(container)
    print(f"\nready {time.monotonic() - began:.1f} s after the first check")


def test_portrait_by_rest_with_the_key_only(ready: Container, ports: Ports) -> None:
    url = f"http://{HOST}:{ports.rest}/predictions/portrait"
    key = {"Authorization": f"Bearer {ready.keys()['inference']['key']}"}
    began = time.monotonic()
    answer = requests.post(url, data=SAMPLE.read_bytes(), headers=key, timeout=60)
    print(f"\nportrait by REST: {time.monotonic() - began:.2f} s")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "image/png"
    assert is_drawing(answer.content)
    refused = requests.post(url, data=SAMPLE.read_bytes(), timeout=60)
    assert (refused.status_code, refused.json()["type"]) == (400, "InvalidKeyException")


def test_portrait_by_grpc_with_the_key_only(ready: Container, ports: Ports, stubs: Stubs) -> None:
    photo = stubs.inference.PredictionsRequest(model_name="portrait", input={"data": SAMPLE.read_bytes()})
    key = ("authorization", f"Bearer {ready.keys()['inference']['key']}")
    with grpc.insecure_channel(f"{HOST}:{ports.grpc}", options=LARGE_MESSAGES) as channel:
        service = stubs.inference_grpc.InferenceAPIsServiceStub(channel)
        assert is_drawing(service.Predictions(photo, metadata=[key], timeout=60).prediction)
        with pytest.raises(grpc.RpcError) as refused:
            service.Predictions(photo, timeout=60)
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED


def test_management_and_metrics_are_on_loopback_only(ready: Container, ports: Ports) -> None:
    listening = listening_addresses(ready.first)
    doors = {ports.rest: True, ports.grpc: True}
    private = {ports.management: False, ports.grpc_management: False, ports.metrics: False}
    assert {port: listening[port] for port in (*doors, *private)} == {**doors, **private}


def listening_addresses(pid: int) -> dict[int, bool]:
    """Port -> whether every network reaches it (proc(5), net/tcp)."""
    listening = {}
    for table in ("tcp", "tcp6"):
        text = Path(f"/proc/{pid}/net/{table}").read_text()
        for address, port in re.findall(r"^ *\d+: (\w+):(\w{4}) \w+:\w+ 0A", text, flags=re.MULTILINE):
            listening[int(port, 16)] = set(address) == {"0"}
    return listening


def test_everything_runs_without_privileges(ready: Container) -> None:
    statuses = [Path(f"/proc/{pid}/status").read_text() for pid in ready.processes()]
    assert len(statuses) >= 3  # tini, Java, a worker
    for status in statuses:
        assert re.search(r"^Uid:\t10001\t10001\t10001\t10001$", status, flags=re.MULTILINE)
        assert re.search(r"^CapEff:\t0+$", status, flags=re.MULTILINE)


def test_only_the_named_folders_are_writable(ready: Container) -> None:
    found = ready.run("find", "/", "-xdev", "-writable", "-type", "d")
    assert sorted(found.stdout.split()) == sorted(ready.config["Volumes"])
    for folder, writable in (("/var/lib/portrait", True), ("/tmp", True), ("/opt/portrait", False), ("/etc", False)):
        assert (ready.run("touch", f"{folder}/probe").returncode == 0) is writable, folder


def test_neither_pip_nor_a_compiler_is_inside(ready: Container) -> None:
    for program in ("pip", "pip3", "cc", "gcc", "g++", "clang", "make", "torch-model-archiver"):
        assert ready.run("sh", "-c", f"command -v {program} || ls .venv/bin/{program}").returncode != 0, program
    assert "No module named pip" in ready.run(".venv/bin/python", "-m", "pip", "--version").stderr


def workers_of(container: Container) -> list[int]:
    return [pid for pid in container.processes() if b"model_service_worker" in command_of(pid)]


def test_health_check_passes_while_one_of_two_workers_hangs(ready: Container) -> None:
    hung, *others = workers_of(ready)
    assert others
    os.kill(hung, signal.SIGSTOP)
    try:
        assert ready.health().returncode == 0
    finally:
        os.kill(hung, signal.SIGCONT)


def test_health_check_tells_that_no_worker_draws_and_of_their_return(ready: Container) -> None:
    workers = workers_of(ready)
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)
    assert ready.health().returncode == 1
    for worker in workers:
        os.kill(worker, signal.SIGCONT)
    wait_until_healthy(ready)


def command_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def test_the_largest_photos_at_once_fit_into_the_memory_of_a_pod(ready: Container, ports: Ports) -> None:
    side = 8062  # 65 megapixels
    _, photo = cv2.imencode(".jpg", cv2.resize(cv2.imread(str(SAMPLE)), (side, side)))
    key = {"Authorization": f"Bearer {ready.keys()['inference']['key']}"}
    options = {"Portrait-Style": "composite", "Portrait-Size": "4096"}
    url = f"http://{HOST}:{ports.rest}/predictions/portrait"

    def draw(_: int) -> requests.Response:
        return requests.post(url, data=photo.tobytes(), headers=key | options, timeout=120)

    with ThreadPoolExecutor(POD_CORES) as crew:
        answers = list(crew.map(draw, range(POD_CORES)))
    assert [answer.status_code for answer in answers] == [200] * POD_CORES
    statuses = [Path(f"/proc/{pid}/status").read_text() for pid in ready.processes()]
    peaks = [int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) / 1024 for status in statuses]
    print(f"\npeak memory of each process: {', '.join(f'{peak:.0f} MiB' for peak in peaks)}")
    assert sum(peaks) < MAX_MEMORY


def test_sigterm_stops_it_in_time(ready: Container) -> None:
    seconds = ready.stop()
    print(f"\nstopped {seconds:.1f} s after SIGTERM")
    assert seconds < STOP_SECONDS
    assert ready.unshare.returncode in (0, 143)

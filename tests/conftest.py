"""One real TorchServe for the whole test session, started as `scripts/serve.sh` starts it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from filelock import FileLock

from handler.finders import Finders, load_finders
from handler.module_info import FORMS
from handler.precision import PRECISIONS, offered
from model.export import export_float
from model.weights import person
from model.weights.errors import WeightsError
from model.weights.loading import load_network
from model.weights.source import EMBEDDED, Weights, resolve
from scripts.bench.inputs import seeded
from scripts.serving.java import ensure_java
from scripts.serving.machine import arrange, usable_cores, usable_memory
from scripts.serving.paths import ROOT
from scripts.serving.server import Run
from tests.tools.serving import Server, Stubs, free_ports, make_stubs, serving

INSTRUCTION_SETS = ("avx2", "avx512_f", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16", "dot", "i8mm")

# A shell that starts the tests in the background lets them, and so what they start, ignore SIGINT.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_report_header() -> list[str]:
    """Return what this CPU computes in, and so which tests are skipped."""
    has, here = torch.cpu.get_capabilities(), offered("cpu", FORMS)
    sets = [name for name in INSTRUCTION_SETS if has.get(name)]
    missing = [name for name in PRECISIONS if name not in here]
    return [
        f"CPU: {has['architecture']}, {', '.join(sets)}; oneDNN is held down to {os.environ.get('ONEDNN_MAX_CPU_ISA')}",
        f"draws in {', '.join(here)}; skipped: what needs {', '.join(missing) or 'nothing else'}",
    ]


@pytest.fixture(scope="session")
def small_weights() -> Path:
    """Return a small checkpoint that draws portraits: the embedded one."""
    return EMBEDDED


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Weights:
    """Seeded `u2netp` weights, always the same bytes, whose line maps have contrast: precisions can be told apart."""
    return resolve(str(seeded(tmp_path_factory.mktemp("weights") / "seeded.safetensors", "u2netp").path))


@pytest.fixture(scope="session")
def module_folder(weights: Weights, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the floating-point module of `weights`, as an archive has it."""
    folder = tmp_path_factory.mktemp("exported")
    export_float(load_network(weights.path), weights, folder)
    return folder


@pytest.fixture(scope="session")
def finders() -> Finders:
    """Return the models of person and faces, as an archive carries them; skips where they cannot be fetched."""
    try:
        return load_finders(person.fetch()[0].parent)
    except WeightsError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """portrait.mar of the embedded weights, built by the command, once for all processes that test side by side."""
    base = tmp_path_factory.getbasetemp()
    archive = (base if worker_id == "master" else base.parent) / "model-store" / "portrait.mar"
    command = [sys.executable, "-m", "scripts.build_archive", "--weights", "lite", "--output", str(archive)]
    archive.parent.mkdir(exist_ok=True)
    with FileLock(archive.with_suffix(".lock")):
        if not archive.exists():
            subprocess.run(command, cwd=ROOT, check=True)
    return archive


@pytest.fixture(scope="session")
def server(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """TorchServe as it is served, ready, without tokens."""
    folder = tmp_path_factory.mktemp("server")
    run = Run(
        free_ports(),
        arrange(usable_cores(), usable_memory()),
        tokens=False,
        archive=archive,
        java=ensure_java(),
        folder=folder,
    )
    with serving(run) as server:
        yield server


@pytest.fixture(scope="session")
def stubs(tmp_path_factory: pytest.TempPathFactory) -> Stubs:
    """gRPC stubs made from the protos in TorchServe's own jar."""
    return make_stubs(tmp_path_factory.mktemp("stubs"))

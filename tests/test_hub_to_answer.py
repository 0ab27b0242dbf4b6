"""From weights on a hub to a drawing in int8, without a photo of the operator's."""

import os
import subprocess
import sys
from pathlib import Path

import requests

from handler.module_info import FORMS
from handler.precision import offered, settle
from model.weights.source import Weights
from scripts.serving.java import ensure_java
from scripts.serving.machine import arrange
from scripts.serving.paths import ROOT, SAMPLE
from scripts.serving.server import Run
from tests.tools import loopback_hub
from tests.tools.loopback_hub import REPOSITORY, LoopbackHub
from tests.tools.serving import free_ports, serving

FILE = "portrait.safetensors"


def test_weights_of_a_hub_draw_in_what_this_cpu_is_fastest_in(weights: Weights, tmp_path: Path) -> None:
    archive = tmp_path / "portrait.mar"
    with loopback_hub.serving(LoopbackHub({FILE: weights.path.read_bytes()})) as hub:
        subprocess.run(
            [sys.executable, "-m", "scripts.build_archive", "--weights", "hub", "--repository", REPOSITORY,
             "--file", FILE, "--lock", str(tmp_path / "weights.lock"), "--output", str(archive)],
            cwd=ROOT,
            env={**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home")},
            check=True,
        )  # fmt: skip
    run = Run(free_ports(), arrange(1, 0), tokens=False, archive=archive, java=ensure_java(), folder=tmp_path / "run")
    with serving(run) as server:
        answer = requests.post(server.predictions, data=SAMPLE.read_bytes(), timeout=120)
    assert answer.status_code == 200
    assert answer.headers["Portrait-Weights"] == f"portrait {weights.sha256[:12]}"
    assert answer.headers["Portrait-Precision"] == settle("auto", offered("cpu", FORMS))

"""From weights on a hub to a drawing in int8, without a photo of the operator's."""

from pathlib import Path

import huggingface_hub
import pytest
import requests

from handler.module_info import FORMS
from handler.precision import offered, settle
from handler.sight import Sight
from model.quantization import ranges
from model.weights.source import Weights
from scripts import build_archive
from scripts.serving.java import ensure_java
from scripts.serving.machine import arrange
from scripts.serving.paths import SAMPLE
from scripts.serving.server import Run
from tests.tools import loopback_hub
from tests.tools.loopback_hub import REPOSITORY, LoopbackHub, use
from tests.tools.serving import free_ports, serving

FILE = "portrait.safetensors"


def test_weights_of_a_hub_draw_in_what_this_cpu_is_fastest_in(
    weights: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranges, "_GATE_SIGHT", Sight(side=96))  # the project's photos, smaller: a quarter of the time
    archive, hub = tmp_path / "portrait.mar", LoopbackHub({FILE: weights.path.read_bytes()})
    with loopback_hub.serving(hub):
        use(monkeypatch, hub.url, tmp_path)
        asked = ["--weights", "hub", "--repository", REPOSITORY, "--file", FILE, "--lock", str(tmp_path / "lock")]
        assert build_archive.main([*asked, "--output", str(archive)]) == 0
    huggingface_hub.close_session()
    run = Run(free_ports(), arrange(1, 0), tokens=False, archive=archive, java=ensure_java(), folder=tmp_path / "run")
    with serving(run) as server:
        answer = requests.post(server.predictions, data=SAMPLE.read_bytes(), timeout=120)
    assert answer.status_code == 200
    assert answer.headers["Portrait-Weights"] == f"portrait {weights.sha256[:12]}"
    assert answer.headers["Portrait-Precision"] == settle("auto", offered("cpu", FORMS))

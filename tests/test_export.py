import hashlib
import json
import logging
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from torch import Tensor

from model import export as exporting
from model.drawing import Drawing
from model.export import ExportError, ModuleInfo, export, read
from model.fidelity import compare
from model.fused import FusedConv
from model.loading import load_network
from model.quantize import QuantizationError
from model.weights import Weights
from tests.seeded import seeded_weights

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Weights:
    return seeded_weights(tmp_path_factory.mktemp("weights") / "seeded.safetensors")


@pytest.fixture(scope="module")
def module_file(weights: Weights, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exported") / "portrait.pt"
    export(weights, path)
    return path


@pytest.fixture(scope="module")
def eager(weights: Weights) -> Drawing:
    return Drawing(load_network(weights.path)).eval()


def noise(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(5)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize("shape", [(1, 3, 64, 96), (1, 3, 32, 32), (2, 3, 33, 95)])
def test_the_module_draws_what_the_network_draws(module_file: Path, eager: Drawing, shape: tuple[int, ...]) -> None:
    with torch.inference_mode():
        torch.testing.assert_close(read(module_file)(noise(*shape)), eager(noise(*shape)), atol=1e-4, rtol=0)


def test_bf16_draws_nearly_the_same(module_file: Path, eager: Drawing) -> None:
    photo = noise(1, 3, 128, 96)
    with torch.inference_mode():
        found = compare(read(module_file, torch.bfloat16)(photo)[0], eager(photo)[0])
    assert found.psnr > 40
    assert found.ssim > 0.99


def test_each_line_map_spans_all_from_ink_to_paper(module_file: Path) -> None:
    with torch.inference_mode():
        lines = read(module_file)(noise(2, 3, 64, 64))
    assert lines.amin((1, 2)).tolist() == [0, 0]
    assert lines.amax((1, 2)).tolist() == [1, 1]


def test_a_black_photo_is_no_error(module_file: Path) -> None:
    with torch.inference_mode():
        lines = read(module_file)(torch.zeros(1, 3, 64, 64, dtype=torch.uint8))
    assert bool(((lines >= 0) & (lines <= 1)).all())


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_photo_of_one_colour_is_paper(eager: Drawing, level: int) -> None:
    photos = torch.full((2, 3, 64, 32), level, dtype=torch.uint8)
    photos[1, :, 20:40, 10:20] = 90
    with torch.inference_mode():
        blank, drawn = eager(photos)
    assert bool((blank == 1).all())
    assert float(drawn.min()) == 0


def test_a_flat_map_is_paper_and_a_faint_one_is_stretched(eager: Drawing) -> None:
    flat, faint = torch.full((1, 1, 8, 8), 0.4), torch.full((1, 1, 8, 8), 0.4)
    flat[..., 3], faint[..., 3] = 0.419, 0.421
    assert bool((eager.lines(flat) == 1).all())
    assert sorted(set(eager.lines(faint).flatten().tolist())) == [0, 1]


def test_a_photo_is_divided_by_its_own_maximum(eager: Drawing) -> None:
    photo = noise(1, 3, 32, 32) // 2
    photo[0, 0, 0, 0] = 100
    both = torch.cat((photo, noise(1, 3, 32, 32)))
    alone, together = eager.normalised(photo), eager.normalised(both)[:1]
    assert torch.equal(alone, together)
    unscaled = alone * torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1) + eager.mean
    assert float(unscaled.max()) == pytest.approx(1)


def test_the_module_tells_what_it_is(module_file: Path, weights: Weights) -> None:
    extra = {exporting.INFO_FILE: ""}
    torch.jit.load(module_file, _extra_files=extra)
    assert ModuleInfo(**json.loads(extra[exporting.INFO_FILE])) == ModuleInfo(
        "seeded", weights.sha256, "u2netp", "float", torch.__version__
    )


def test_every_process_writes_the_same_bytes(weights: Weights, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from model.export import export; from model.weights import resolve\n"
        "export(resolve(sys.argv[1]), Path(sys.argv[2]))"
    )
    paths = [tmp_path / "first.pt", tmp_path / "second.pt"]
    for path in paths:
        subprocess.run([sys.executable, "-c", code, weights.path, path], cwd=ROOT, check=True)
    first, second = (hashlib.sha256(path.read_bytes()).hexdigest() for path in paths)
    assert first == second


def test_no_record_names_a_path_of_the_machine_that_wrote_it(module_file: Path) -> None:
    with zipfile.ZipFile(module_file) as records:
        for name in records.namelist():
            assert str(ROOT).encode() not in records.read(name), name


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_a_module_that_draws_something_else_never_takes_the_place_of_a_good_one(
    weights: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    path = tmp_path / "portrait.pt"
    path.write_bytes(b"what was there")
    whole = FusedConv.__init__

    def shifted(self: FusedConv, weight: Tensor, bias: Tensor, dilation: int = 1, relu: bool = True) -> None:
        whole(self, weight * 1.05, bias, dilation, relu)

    monkeypatch.setattr(FusedConv, "__init__", shifted)
    with pytest.raises(ExportError if precision == "fp32" else QuantizationError):
        export(weights, path, precision)
    assert path.read_bytes() == b"what was there"
    assert list(tmp_path.iterdir()) == [path]


def test_auto_says_why_it_stays_with_floating_point(
    weights: Weights, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "has_int8", lambda: True)
    with caplog.at_level(logging.WARNING):
        assert export(weights, tmp_path / "portrait.pt", "auto").precision == "float"
    assert "no ranges are shipped for seeded" in caplog.text
    assert "--calibration" in caplog.text

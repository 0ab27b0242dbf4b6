import zipfile
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from handler.inference import read_module
from handler.module_info import FORMS, ModuleInfo
from handler.precision import natively_bf16
from model.export import ExportError, export, read
from model.network.fused import FusedConv, apart, convolutions, levels, together
from model.network.line_model import LineModel
from model.quantization.fidelity import compare
from model.weights.loading import load_network
from model.weights.source import Weights

ROOT = Path(__file__).parents[1]


@pytest.fixture
def module_file(module_folder: Path) -> Path:
    return module_folder / FORMS["float"]


@pytest.fixture(scope="module")
def eager(weights: Weights) -> LineModel:
    return LineModel(load_network(weights.path)).eval()


def noise(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(5)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize("shape", [(1, 3, 64, 96), (1, 3, 32, 32), (2, 3, 33, 95)])
def test_the_module_draws_what_the_network_draws(module_file: Path, eager: LineModel, shape: tuple[int, ...]) -> None:
    with torch.inference_mode():
        torch.testing.assert_close(read(module_file)(noise(*shape)), eager(noise(*shape)), atol=1e-4, rtol=0)


@pytest.mark.skipif(not natively_bf16(), reason="this CPU does not compute in bf16")
def test_bf16_draws_nearly_the_same(module_file: Path, eager: LineModel) -> None:
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
def test_a_photo_of_one_colour_is_paper(eager: LineModel, level: int) -> None:
    photos = torch.full((2, 3, 64, 32), level, dtype=torch.uint8)
    photos[1, :, 20:40, 10:20] = 90
    with torch.inference_mode():
        blank, drawn = eager(photos)
    assert bool((blank == 1).all())
    assert float(drawn.min()) == 0


def test_a_flat_map_is_paper_and_a_faint_one_is_stretched(eager: LineModel) -> None:
    flat, faint = torch.full((1, 1, 8, 8), 0.4), torch.full((1, 1, 8, 8), 0.4)
    flat[..., 3], faint[..., 3] = 0.419, 0.421
    assert bool((eager.lines(flat) == 1).all())
    assert sorted(set(eager.lines(faint).flatten().tolist())) == [0, 1]


def test_a_photo_is_divided_by_its_own_maximum(eager: LineModel) -> None:
    photo = noise(1, 3, 32, 32) // 2
    photo[0, 0, 0, 0] = 100
    both = torch.cat((photo, noise(1, 3, 32, 32)))
    alone, together = eager.normalised(photo), eager.normalised(both)[:1]
    assert torch.equal(alone, together)
    unscaled = alone * torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1) + eager.mean
    assert float(unscaled.max()) == pytest.approx(1)


def test_the_module_tells_what_it_is(module_file: Path, weights: Weights) -> None:
    _, info = read_module(module_file)
    assert info == ModuleInfo("seeded", weights.sha256, "u2netp", "float", str(torch.__version__))


def test_no_record_names_a_path_of_the_machine_that_wrote_it(module_file: Path) -> None:
    with zipfile.ZipFile(module_file) as records:
        for name in records.namelist():
            assert str(ROOT).encode() not in records.read(name), name


def test_a_module_that_draws_something_else_is_refused(
    weights: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = FusedConv.__init__

    def shifted(
        self: FusedConv, weight: Tensor, bias: Tensor, dilation: int = 1, relu: bool = True, small: bool = False
    ) -> None:
        whole(self, weight * 1.05, bias, dilation, relu, small)

    monkeypatch.setattr(FusedConv, "__init__", shifted)
    with pytest.raises(ExportError, match="the exported module differs from the network"):
        export(weights, tmp_path)


@pytest.mark.parametrize("phases", [1, 2, 4, 8])
@pytest.mark.parametrize("shape", [(1, 16, 32, 32), (2, 5, 13, 10)])
def test_pixels_taken_apart_are_put_together_again(shape: tuple[int, ...], phases: int) -> None:
    maps = torch.rand(shape)
    assert torch.equal(together(apart(maps, phases), phases, maps), maps)


@pytest.mark.parametrize("dilation", [1, 2, 4, 8])
@pytest.mark.parametrize("plain", [False, True])
def test_a_small_map_is_convolved_the_same_in_both_layouts(plain: bool, dilation: int) -> None:
    generator = torch.Generator().manual_seed(0)
    maps = torch.rand(2, 16, 13, 22, generator=generator)
    weight, bias = torch.randn(8, 16, 3, 3, generator=generator), torch.randn(8, generator=generator)
    layer = FusedConv(weight, bias, dilation, small=True)
    layer.pack(torch.float32, plain)
    expected = F.conv2d(maps, weight, bias, padding=dilation, dilation=dilation)
    with torch.inference_mode():
        torch.testing.assert_close(layer(maps), F.relu(expected), atol=1e-4, rtol=0)
        earlier = torch.rand(expected.shape, generator=generator)
        torch.testing.assert_close(layer.onto(earlier.clone(), maps), F.relu(expected + earlier), atol=1e-4, rtol=0)


def test_levels_are_how_often_the_maps_were_halved(weights: Weights) -> None:
    network = load_network(weights.path)
    found = levels(network)
    heights: dict[str, int] = {}
    for name, layer in convolutions(network):
        layer.register_forward_hook(lambda _, given, __, name=name: heights.update({name: given[0].shape[2]}))
    with torch.inference_mode():
        network(torch.rand(1, 3, 64, 64))
    assert {name: 64 >> level for name, level in found.items()} == heights

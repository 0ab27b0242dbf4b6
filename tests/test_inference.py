import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from handler import inference
from handler.cores import THREADS
from handler.inference import LineDrawer, floating, load, settle
from handler.styles import LineMap, Photo
from model.export import export
from model.pictures import seeded_photo
from model.weights import Weights
from tests.seeded import seeded_weights


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Weights:
    return seeded_weights(tmp_path_factory.mktemp("weights") / "seeded.safetensors")


@pytest.fixture(scope="module")
def module_file(weights: Weights, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exported") / "portrait.pt"
    export(weights, path)
    return path


@pytest.fixture(scope="module")
def drawer(module_file: Path) -> LineDrawer:
    return load(module_file, precision="fp32")


def photo(seed: int, height: int, width: int) -> Photo:
    return seeded_photo(seed, height, width)[0].permute(1, 2, 0).numpy()


def test_inputs_of_many_sizes_give_maps_of_their_sizes_in_their_order(drawer: LineDrawer) -> None:
    inputs = [photo(0, 64, 96), photo(1, 33, 47), photo(2, 64, 96)]
    maps = drawer.draw_lines(inputs)
    assert [lines.shape for lines in maps] == [(64, 96), (33, 47), (64, 96)]
    for lines, alone in zip(maps, inputs, strict=True):
        assert lines.dtype == np.float32
        assert (lines.min(), lines.max()) == (0, 1)
        assert np.array_equal(lines, drawer.draw_lines([alone])[0])


def test_no_inputs_give_no_maps(drawer: LineDrawer) -> None:
    assert drawer.draw_lines([]) == []


def test_tells_whose_weights_it_draws_with(drawer: LineDrawer, weights: Weights) -> None:
    assert drawer.info.label == f"seeded {weights.sha256[:12]}"
    assert (drawer.info.network, drawer.info.precision, drawer.precision) == ("u2netp", "float", "fp32")


def test_threads_are_those_asked_for(module_file: Path) -> None:
    before = torch.get_num_threads()
    try:
        load(module_file, precision="fp32", threads=1)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("precision", [*floating("cpu"), "as served"])
def test_the_same_map_with_each_number_of_threads_that_a_worker_may_have(
    precision: str, module_file: Path, archive: Path, tmp_path: Path
) -> None:
    if precision == "as served":
        with zipfile.ZipFile(archive) as entries:
            drawer = load(Path(entries.extract("portrait.pt", tmp_path)))
    else:
        drawer = load(module_file, precision=precision)
    inputs = [photo(seed, *size) for seed, size in enumerate([(512, 512), (512, 416), (352, 512), (512, 331)])]
    before = torch.get_num_threads()
    try:
        maps = [_maps(drawer, inputs, threads) for threads in THREADS]
    finally:
        torch.set_num_threads(before)
    for found in maps[1:]:
        for lines, expected in zip(found, maps[0], strict=True):
            np.testing.assert_array_equal(lines, expected)


def _maps(drawer: LineDrawer, inputs: list[Photo], threads: int) -> list[LineMap]:
    torch.set_num_threads(threads)
    return drawer.draw_lines(inputs)


@pytest.mark.parametrize(
    ("flags", "floats", "integers"),
    [
        ({}, "fp32", None),
        ({"avx512_bf16": True}, "bf16", None),
        ({"amx_bf16": True, "avx512_vnni": True}, "bf16", "int8"),
        ({"avx_vnni": True}, "fp32", "int8"),
    ],
)
def test_auto_takes_the_fastest_that_the_cpu_computes_in(
    monkeypatch: pytest.MonkeyPatch, flags: dict[str, bool], floats: str, integers: str | None
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: flags)
    assert settle("auto", "float", "cpu") == floats
    if integers:
        assert settle("auto", "int8", "cpu") == integers
    else:
        with pytest.raises(ValueError, match="only CPUs with VNNI"):
            settle("auto", "int8", "cpu")


def test_a_gpu_computes_in_half_precision_and_never_in_int8() -> None:
    assert settle("auto", "float", "cuda") == "fp16"
    with pytest.raises(ValueError, match="this archive is int8"):
        settle("auto", "int8", "cuda")


@pytest.mark.parametrize("asked", ["bf16", "fp16", "int8", "fp64"])
def test_what_cannot_be_had_is_refused_and_never_emulated(monkeypatch: pytest.MonkeyPatch, asked: str) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    with pytest.raises(ValueError, match=f"precision: must be auto or one of fp32 here, got {asked}"):
        settle(asked, "float", "cpu")


def test_a_gpu_takes_equal_sizes_together(drawer: LineDrawer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawer, "device", torch.device("cuda"))
    inputs = [photo(0, 64, 96), photo(1, 32, 32), photo(2, 64, 96)]
    assert drawer._groups(inputs) == [[0, 2], [1]]


@pytest.mark.skipif("bf16" not in floating("cpu"), reason="this CPU does not compute in bf16")
def test_bf16_gives_the_same_drawing_within_its_bound(module_file: Path, drawer: LineDrawer) -> None:
    exact = drawer.draw_lines([photo(4, 96, 96)])[0]
    drawn = load(module_file, precision="bf16").draw_lines([photo(4, 96, 96)])[0]
    assert inference.floating("cpu")[-1] == "bf16"
    assert -10 * np.log10(np.square(exact - drawn).mean()) > 40

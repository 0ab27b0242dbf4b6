import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from handler.arrays import LineMap, Photo
from handler.cores import THREADS
from handler.inference import LineDrawer, load
from handler.module_info import WEIGHT_TOPS
from handler.precision import natively_bf16, offered
from model.export import export_float
from model.quantization.pictures import seeded_photo
from model.weights.loading import load_network
from model.weights.source import Weights
from scripts.bench.inputs import seeded


@pytest.fixture(scope="module")
def drawer(module_folder: Path) -> LineDrawer:
    return load(module_folder, precision="fp32")


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
    assert (drawer.info.network, drawer.info.form, drawer.precision) == ("u2netp", "float", "fp32")


def test_threads_are_those_asked_for(module_folder: Path) -> None:
    before = torch.get_num_threads()
    try:
        load(module_folder, precision="fp32", threads=1)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("size", ["u2netp", "u2net"])
@pytest.mark.parametrize("precision", offered("cpu", ["float"]))
def test_the_same_map_with_each_number_of_threads_that_a_worker_may_have(
    precision: str, size: str, tmp_path: Path
) -> None:
    weights = seeded(tmp_path / "seeded.safetensors", size)
    export_float(load_network(weights.path), weights, tmp_path)
    drawer = load(tmp_path, precision=precision)
    sizes = [(512, 512), (352, 512), (512, 331)] if size == "u2netp" else [(352, 512)]
    same_with_any_threads(drawer, [photo(seed, *size) for seed, size in enumerate(sizes)])


@pytest.mark.parametrize("precision", offered("cpu", WEIGHT_TOPS))
def test_an_archive_draws_the_same_in_int8_with_each_number_of_threads(
    precision: str, archive: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(archive) as entries:
        entries.extractall(tmp_path)
    drawer = load(tmp_path, precision=precision)
    assert drawer.precision == drawer.info.form == precision
    same_with_any_threads(drawer, [photo(seed, *size) for seed, size in enumerate([(512, 416), (512, 331)])])


def same_with_any_threads(drawer: LineDrawer, inputs: list[Photo]) -> None:
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


def test_a_gpu_takes_equal_sizes_together(drawer: LineDrawer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawer, "device", torch.device("cuda"))
    inputs = [photo(0, 64, 96), photo(1, 32, 32), photo(2, 64, 96)]
    assert drawer._groups(inputs) == [[0, 2], [1]]


@pytest.mark.skipif(not natively_bf16(), reason="this CPU does not compute in bf16")
def test_bf16_gives_the_same_drawing_within_its_bound(module_folder: Path, drawer: LineDrawer) -> None:
    exact = drawer.draw_lines([photo(4, 96, 96)])[0]
    drawn = load(module_folder, precision="bf16").draw_lines([photo(4, 96, 96)])[0]
    assert -10 * np.log10(np.square(exact - drawn).mean()) > 40


def test_what_the_archive_lacks_is_refused(module_folder: Path) -> None:
    with pytest.raises(ValueError, match=r"precision: must be auto or one of fp32.* here, got int8"):
        load(module_folder, precision="int8")

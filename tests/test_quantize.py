import json
import logging
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image
from torch import Tensor

import model.quantization.ranges
from handler.decode import Limits
from handler.finders import Finders
from handler.module_info import FORMS, WEIGHT_TOPS
from handler.options import Options
from handler.precision import offered
from handler.preprocess import prepare
from handler.request import Request
from handler.sight import Sight
from model.export import export, int8_line_model, read
from model.network.int8 import ByteConv, ByteJoin, ByteSteps, activation_scales, int8_network
from model.network.line_model import ByteLineModel, LineModel
from model.network.u2net import U2Net, pool, upsample_like
from model.quantization.fidelity import Fidelity, compare
from model.quantization.pictures import SAMPLE, photo_files, read_photo, seeded_photo, served_photos
from model.quantization.ranges import (
    BAR,
    PHOTOS,
    QuantizationError,
    Ranges,
    has_ranges,
    pass_gate,
    ranges_and_gate,
    read_ranges,
    record_ranges,
    split,
    write_ranges,
)
from model.weights.loading import load_network
from model.weights.source import EMBEDDED_SIGHT, Weights, resolve
from scripts.training.train_lite import HELD_OUT, JUDGES


@pytest.fixture(scope="module")
def network(weights: Weights) -> U2Net:
    return load_network(weights.path)


@pytest.fixture(scope="module")
def ranges(network: U2Net) -> Ranges:
    return record_ranges(network, [seeded_photo(seed, 96, 96) for seed in (10, 11, 12)])


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of six small photos and a file that is none."""
    folder = tmp_path_factory.mktemp("photos")
    for seed in range(6):
        pixels = seeded_photo(seed, 96, 64)[0].permute(1, 2, 0).numpy()
        Image.fromarray(pixels).save(folder / f"{seed}.png")
    (folder / "notes.txt").write_text("six photos")
    return folder


def test_every_integer_form_passes_the_gate_on_unseen_photos(
    weights: Weights, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model.quantization.ranges, "sight_of", lambda _: Sight(side=96))
    assert [info.form for info in export(weights, tmp_path, photos)] == list(FORMS)
    assert {path.name for path in tmp_path.iterdir()} == set(FORMS.values())
    here = offered("cpu", WEIGHT_TOPS)
    if not here:
        pytest.skip("this CPU is exact in no integer form: the gate emulated both")
    module, exact = read(tmp_path / FORMS[here[-1]]), LineModel(load_network(weights.path)).eval()
    batch = torch.cat((seeded_photo(20, 67, 101), seeded_photo(21, 67, 101)))
    with torch.inference_mode():
        drawn, wanted = module(batch), exact(batch)
        assert torch.equal(drawn[1:], module(batch[1:])), "a batch gives what one by one gives"
    for mine, theirs in zip(drawn, wanted, strict=True):
        found = compare(mine, theirs)
        assert found.psnr > 30
        assert found.ssim > 0.9


def test_emulation_draws_what_the_instructions_draw(network: U2Net, ranges: Ranges) -> None:
    exact = offered("cpu", WEIGHT_TOPS)
    if not exact:
        pytest.skip("this CPU is exact in no integer form")
    photo = seeded_photo(22, 96, 64)
    for form in exact:
        emulated = ByteLineModel(int8_network(network, ranges, WEIGHT_TOPS[form], emulated=True)).eval()
        emulated.pack(torch.float32, False)
        with torch.inference_mode():
            assert torch.equal(emulated(photo), int8_line_model(network, ranges, form)(photo))


def test_weights_stay_within_their_bits(network: U2Net, ranges: Ranges) -> None:
    for top in WEIGHT_TOPS.values():
        convolutions = [m for m in int8_network(network, ranges, top).modules() if isinstance(m, ByteConv)]
        assert len(convolutions) > 100
        assert max(int(layer.weight.abs().max()) for layer in convolutions) == top


def test_a_form_that_fails_the_gate_is_left_out_and_the_log_says_by_how_much(
    weights: Weights, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(model.quantization.ranges, "sight_of", lambda _: Sight(side=96))
    monkeypatch.setattr(model.quantization.ranges, "record_ranges", lambda *_: dull_ranges(load_network(weights.path)))
    with caplog.at_level(logging.WARNING):
        assert [info.form for info in export(weights, tmp_path, photos)] == ["float"]
    assert [path.name for path in tmp_path.iterdir()] == [FORMS["float"]]
    for form in WEIGHT_TOPS:
        assert re.search(rf"{form}: the worst drawing has PSNR .* must have PSNR 34.0 dB.* short", caplog.text)


def test_weights_without_ranges_of_their_own_become_int8_by_the_photos_of_the_project(
    weights: Weights, network: U2Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model.quantization.ranges, "sight_of", lambda _: Sight(side=64))
    monkeypatch.setattr(model.quantization.ranges, "_GATE_SIGHT", Sight(side=64))
    found, gate = ranges_and_gate(network, weights, None)
    seen, unseen = split(PHOTOS)
    assert (len(seen), len(unseen), len(gate.photos)) == (8, 4, 4)
    expected = record_ranges(network, [read_photo(path, 64) for path in seen])
    assert all(torch.equal(found[name], top) for name, top in expected.items())


def test_the_photos_of_the_project_are_small_and_credited() -> None:
    files = photo_files(PHOTOS)
    credited = (PHOTOS / "CREDITS.md").read_text()
    assert len(files) == 12
    assert sum(path.stat().st_size for path in files) < 700_000
    for path in files:
        assert f"`{path.name}` | <https://" in credited
        assert path.stem not in {*JUDGES, *HELD_OUT}
        with Image.open(path) as photo:
            assert 384 <= max(photo.size) <= 512


def dull_ranges(network: U2Net) -> Ranges:
    """Ranges far too wide: a few steps are left for all that the maps hold."""
    found = record_ranges(network, [seeded_photo(0, 64, 64)])
    return {name: top.amax().expand_as(top) * 60 for name, top in found.items()}


def test_the_gate_names_what_is_missing() -> None:
    pass_gate("int8", BAR)
    with pytest.raises(QuantizationError, match=r"1\.5 dB and 0\.0000 short"):
        pass_gate("int8", Fidelity(BAR.psnr - 1.5, 0.99))
    with pytest.raises(QuantizationError, match=r"0\.0 dB and 0\.0200 short"):
        pass_gate("int8", Fidelity(50, BAR.ssim - 0.02))


def test_ranges_are_the_largest_value_of_each_channel_over_all_photos(network: U2Net) -> None:
    one, other = seeded_photo(1, 64, 64), seeded_photo(2, 64, 64)
    both = record_ranges(network, [one, other])
    alone = [record_ranges(network, [photo]) for photo in (one, other)]
    assert len(both) == 112 + 11
    for name, top in both.items():
        assert torch.equal(top, torch.maximum(alone[0][name], alone[1][name]))


@pytest.mark.parametrize("name", ["encoder.0.entry", "encoder.0", "encoder.4.bottom", "decoder.0.up.2", "decoder.4"])
def test_ranges_are_those_of_the_published_layers(network: U2Net, name: str) -> None:
    written: list[Tensor] = []
    handle = network.get_submodule(name).register_forward_hook(lambda _module, _inputs, maps: written.append(maps))
    photo = seeded_photo(1, 64, 64)
    with torch.inference_mode():
        LineModel(network).eval()(photo)
    handle.remove()
    torch.testing.assert_close(record_ranges(network, [photo])[name], written[0].amax((0, 2, 3)), rtol=1e-3, atol=1e-4)


def test_every_convolution_reads_and_writes_known_units(network: U2Net, ranges: Ranges) -> None:
    units = activation_scales(network, ranges)
    shapes = {name: tuple(weight.shape[:2]) for name, weight in named_weights(network)}
    assert {name: (len(out), len(read)) for name, (read, out) in units.items()} == shapes


def named_weights(network: U2Net) -> list[tuple[str, Tensor]]:
    """Return the 3x3 convolutions: name in `activation_scales`, weight (out, in, 3, 3)."""
    convs = [(n, p) for n, p in network.named_parameters() if p.ndim == 4 and not n.startswith("fuse")]
    return [(name.removesuffix(".weight").removesuffix(".conv"), weight) for name, weight in convs]


def test_ranges_are_read_as_written_and_only_for_their_weights(
    weights: Weights, ranges: Ranges, tmp_path: Path
) -> None:
    write_ranges(tmp_path / "ranges.json", weights, ranges)
    found = read_ranges(tmp_path / "ranges.json")
    assert list(found) == list(ranges)
    for name, top in found.items():
        torch.testing.assert_close(top, ranges[name], rtol=1e-3, atol=1e-6)
    assert has_ranges(tmp_path / "ranges.json", weights)
    assert not has_ranges(tmp_path / "ranges.json", Weights(Path(), "other", "0" * 64))
    assert not has_ranges(tmp_path / "none.json", weights)
    json.loads((tmp_path / "ranges.json").read_text())


def test_the_gate_sees_drawings() -> None:
    weights = resolve("lite")
    network = load_network(weights.path)
    _, gate = ranges_and_gate(network, weights, None)
    assert min(float(1 - exact.mean()) for exact in gate.exact) > 0.03


def test_a_third_of_the_photos_is_kept_for_the_gate(photos: Path) -> None:
    seen, unseen = split(photos)
    assert (len(seen), len(unseen)) == (4, 2)
    assert sorted(seen + unseen) == photo_files(photos)


def test_too_few_photos_are_refused(tmp_path: Path) -> None:
    with pytest.raises(QuantizationError, match="holds 0 photos, at least 6"):
        split(tmp_path)


@pytest.mark.parametrize("size", [(300, 200), (10, 1000), (1000, 1000), (2600, 4200)])
def test_a_photo_is_what_a_worker_shows_the_network(size: tuple[int, int], tmp_path: Path) -> None:
    pixels = seeded_photo(1, size[1] // 10, size[0] // 10)[0].permute(1, 2, 0).numpy()
    turned = Image.Exif()
    turned[ExifTags.Base.Orientation] = 6
    Image.fromarray(pixels).resize(size).save(tmp_path / "photo.jpg", exif=turned)
    served = prepare(Request((tmp_path / "photo.jpg").read_bytes(), Options()), Limits()).network_input
    assert np.array_equal(read_photo(tmp_path / "photo.jpg")[0].permute(1, 2, 0).numpy(), served)


def test_a_portrait_is_shown_as_large_as_its_face_asks_for_with_its_scene_and_without(finders: Finders) -> None:
    whole, cut = served_photos(SAMPLE, EMBEDDED_SIGHT, finders)
    assert whole.shape[2] > 512
    assert whole[..., :40, :40].max() < 255 == cut[..., :40, :40].min()


def test_a_damaged_photo_is_named(photos: Path, tmp_path: Path, network: U2Net, weights: Weights) -> None:
    folder = tmp_path / "photos"
    shutil.copytree(photos, folder)
    (folder / "2.png").write_bytes((folder / "2.png").read_bytes()[:500])
    with pytest.raises(QuantizationError, match=r"2\.png: photo: the file is damaged"):
        ranges_and_gate(network, weights, folder)


@pytest.mark.parametrize("shape", [(2, 16, 6, 8), (1, 3, 7, 5), (1, 16, 1, 1)])
def test_steps_on_bytes_are_those_on_floats(shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(1)
    batch, channels, height, width = shape
    skip = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    half = (batch, channels, (height + 1) // 2, (width + 1) // 2)
    deep = torch.randint(0, 256, half, dtype=torch.uint8, generator=generator)
    layer = ByteJoin(torch.ones(16, 2 * channels, 3, 3), torch.zeros(16), 1, ByteConv)
    layer.pack(torch.float32, False)
    joined = layer.join(deep, skip)
    assert torch.equal(joined[:, channels:], skip)
    assert float((joined[:, :channels].float() - upsample_like(deep.float(), skip)).abs().max()) <= 0.5
    steps = ByteSteps()
    assert torch.equal(steps.pool(skip), pool(skip.float()).to(torch.uint8))
    total = (skip.float() + skip.flip(0).float()).clamp(max=255)
    assert torch.equal(steps.add(skip.clone(), skip.flip(0)), total.to(torch.uint8))

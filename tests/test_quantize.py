import json
import logging
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from model import quantize
from model.drawing import Drawing
from model.export import export, has_int8, read
from model.fidelity import Fidelity, compare
from model.int8 import ByteJoin, ByteSteps, channel_units
from model.loading import load_network
from model.pictures import photo_files, read_photo, seeded_photo
from model.quantize import (
    GATE,
    QuantizationError,
    pass_gate,
    ranges_and_gate,
    read_ranges,
    record_ranges,
    split,
    write_ranges,
)
from model.u2net import U2Net, pool, upsample_like
from model.weights import Weights, resolve
from tests.seeded import seeded_weights

needs_vnni = pytest.mark.skipif(not has_int8(), reason="this CPU has no int8 instructions")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Weights:
    return seeded_weights(tmp_path_factory.mktemp("weights") / "seeded.safetensors")


@pytest.fixture(scope="module")
def network(weights: Weights) -> U2Net:
    return load_network(weights.path)


@pytest.fixture(scope="module")
def ranges(network: U2Net) -> quantize.Ranges:
    return record_ranges(network, [seeded_photo(seed, 96, 96) for seed in (10, 11, 12)])


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of six small photos and a file that is none."""
    folder = tmp_path_factory.mktemp("photos")
    for seed in range(6):
        pixels = seeded_photo(seed, 96, 64)[0].permute(1, 2, 0).numpy()
        Image.fromarray(pixels).save(folder / f"{seed}.png")
    (folder / "notes.txt").write_text("six photos")
    return folder


@needs_vnni
def test_int8_passes_the_gate_on_unseen_photos_and_draws_the_same_after_loading(
    weights: Weights, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model.pictures._SIDE", 96)
    info = export(weights, tmp_path / "portrait.pt", "int8", photos)
    assert info.precision == "int8"
    module, exact = read(tmp_path / "portrait.pt"), Drawing(load_network(weights.path)).eval()
    batch = torch.cat((seeded_photo(20, 67, 101), seeded_photo(21, 67, 101)))
    with torch.inference_mode():
        drawn, wanted = module(batch), exact(batch)
        assert torch.equal(drawn[1:], module(batch[1:])), "a batch gives what one by one gives"
    for mine, theirs in zip(drawn, wanted, strict=True):
        found = compare(mine, theirs)
        assert found.psnr > 30
        assert found.ssim > 0.9


@needs_vnni
def test_a_failed_gate_tells_by_how_much_and_auto_falls_back(
    weights: Weights, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("model.pictures._SIDE", 96)
    monkeypatch.setattr(quantize, "record_ranges", lambda *_: dull_ranges(load_network(weights.path)))
    with pytest.raises(QuantizationError, match=r"the worst drawing has PSNR .* must have PSNR 34.0 dB.* short"):
        export(weights, tmp_path / "portrait.pt", "int8", photos)
    assert not (tmp_path / "portrait.pt").exists()
    with caplog.at_level(logging.WARNING):
        assert export(weights, tmp_path / "portrait.pt", "auto", photos).precision == "float"
    assert "the worst drawing has" in caplog.text


def dull_ranges(network: U2Net) -> quantize.Ranges:
    """Ranges far too wide: a few steps are left for all that the maps hold."""
    found = record_ranges(network, [seeded_photo(0, 64, 64)])
    return {name: top.amax().expand_as(top) * 60 for name, top in found.items()}


def test_the_gate_names_what_is_missing() -> None:
    pass_gate(GATE)
    with pytest.raises(QuantizationError, match=r"1\.5 dB and 0\.0000 short"):
        pass_gate(Fidelity(GATE.psnr - 1.5, 0.99))
    with pytest.raises(QuantizationError, match=r"0\.0 dB and 0\.0200 short"):
        pass_gate(Fidelity(50, GATE.ssim - 0.02))


def test_ranges_are_the_largest_value_of_each_channel_over_all_photos(network: U2Net) -> None:
    one, other = seeded_photo(1, 64, 64), seeded_photo(2, 64, 64)
    both = record_ranges(network, [one, other])
    alone = [record_ranges(network, [photo]) for photo in (one, other)]
    assert len(both) == 112 + 11
    for name, top in both.items():
        assert torch.equal(top, torch.maximum(alone[0][name], alone[1][name]))


def test_every_convolution_reads_and_writes_known_units(network: U2Net, ranges: quantize.Ranges) -> None:
    units = channel_units(network, ranges)
    shapes = {name: tuple(weight.shape[:2]) for name, weight in named_weights(network)}
    assert {name: (len(out), len(read)) for name, (read, out) in units.items()} == shapes


def named_weights(network: U2Net) -> list[tuple[str, Tensor]]:
    """The 3x3 convolutions: name in `channel_units`, weight (out, in, 3, 3)."""
    convs = [(n, p) for n, p in network.named_parameters() if p.ndim == 4 and not n.startswith("fuse")]
    return [(name.removesuffix(".weight").removesuffix(".conv"), weight) for name, weight in convs]


def test_ranges_are_read_as_written_and_only_for_their_weights(
    weights: Weights, ranges: quantize.Ranges, tmp_path: Path
) -> None:
    write_ranges(tmp_path / "ranges.json", weights, ranges)
    found = read_ranges(tmp_path / "ranges.json", weights)
    assert list(found) == list(ranges)
    for name, top in found.items():
        torch.testing.assert_close(top, ranges[name], rtol=1e-3, atol=1e-6)
    with pytest.raises(QuantizationError, match="no ranges are shipped for other"):
        read_ranges(tmp_path / "ranges.json", Weights(Path(), "other", "0" * 64))
    json.loads((tmp_path / "ranges.json").read_text())


def test_the_gate_sees_drawings() -> None:
    weights = resolve("lite")
    network = load_network(weights.path)
    _, photos = ranges_and_gate(network, weights, None)
    with torch.inference_mode():
        ink = [float(1 - Drawing(network).eval()(photo).mean()) for photo in photos]
    assert min(ink) > 0.03


def test_a_third_of_the_photos_is_kept_for_the_gate(photos: Path) -> None:
    seen, unseen = split(photos)
    assert (len(seen), len(unseen)) == (4, 2)
    assert sorted(seen + unseen) == photo_files(photos)


def test_too_few_photos_are_refused(tmp_path: Path) -> None:
    with pytest.raises(QuantizationError, match="holds 0 photos, at least 6"):
        split(tmp_path)


def test_a_photo_is_framed_as_a_worker_frames_it(tmp_path: Path) -> None:
    Image.new("RGB", (300, 200)).save(tmp_path / "wide.png")
    Image.new("RGB", (10, 1000)).save(tmp_path / "tall.png")
    assert read_photo(tmp_path / "wide.png").shape == (1, 3, 416, 640)
    assert read_photo(tmp_path / "tall.png").shape == (1, 3, 1024, 256)


@pytest.mark.parametrize("shape", [(2, 16, 6, 8), (1, 3, 7, 5), (1, 16, 1, 1)])
def test_steps_on_bytes_are_those_on_floats(shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(1)
    batch, channels, height, width = shape
    skip = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    half = (batch, channels, (height + 1) // 2, (width + 1) // 2)
    deep = torch.randint(0, 256, half, dtype=torch.uint8, generator=generator)
    layer = ByteJoin(torch.ones(16, 2 * channels, 3, 3), torch.zeros(16), 1)
    layer.prepare(torch.float32)
    joined = layer.join(deep, skip)
    assert torch.equal(joined[:, channels:], skip)
    assert float((joined[:, :channels].float() - upsample_like(deep.float(), skip)).abs().max()) <= 0.5
    steps = ByteSteps()
    assert torch.equal(steps.pool(skip), pool(skip.float()).to(torch.uint8))
    total = (skip.float() + skip.flip(0).float()).clamp(max=255)
    assert torch.equal(steps.add(skip.clone(), skip.flip(0)), total.to(torch.uint8))

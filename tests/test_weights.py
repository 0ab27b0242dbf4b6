import hashlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from model import WeightsError, load_network
from model.network.u2net import ARCHITECTURES, U2Net, published_name
from model.weights.source import resolve

X = torch.randn(1, 3, 48, 33, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def network() -> U2Net:
    torch.manual_seed(5)
    return U2Net(ARCHITECTURES["u2netp"]).eval()


@pytest.fixture
def tensors(network: U2Net) -> dict[str, Tensor]:
    return {published_name(name): tensor.clone() for name, tensor in network.state_dict().items()}


def drawn(network: U2Net) -> Tensor:
    with torch.inference_mode():
        lines: Tensor = network(X)
    return lines


def refused(source: dict[str, Tensor] | Path) -> str:
    with pytest.raises(WeightsError) as caught:
        load_network(source)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_file_draws_what_was_saved(network: U2Net, tensors: dict[str, Tensor], tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save(tensors, path)
    else:
        save_file(tensors, path)
    for source in (path, str(path)):
        loaded = load_network(source)
        assert not loaded.training
        assert torch.equal(drawn(loaded), drawn(network))


def test_half_precision_becomes_float32(network: U2Net, tensors: dict[str, Tensor], tmp_path: Path) -> None:
    halves = {name: t.half() if t.is_floating_point() else t for name, t in tensors.items()}
    save_file(halves, tmp_path / "half.safetensors")
    loaded = load_network(tmp_path / "half.safetensors")
    assert {t.dtype for t in loaded.parameters()} == {torch.float32}
    assert (drawn(loaded) - drawn(network)).abs().max() < 0.01


def test_the_full_size_is_found_by_its_shapes() -> None:
    with torch.device("meta"):
        layout = U2Net(ARCHITECTURES["u2net"]).state_dict()
    zeros = {published_name(name): torch.zeros_like(t, device="cpu") for name, t in layout.items()}
    loaded = load_network(zeros)
    assert sum(parameter.numel() for parameter in loaded.parameters()) == 44_009_869


def test_a_loaded_network_does_not_share_memory_with_its_source(tensors: dict[str, Tensor]) -> None:
    loaded = load_network(tensors)
    before = drawn(loaded)
    for tensor in tensors.values():
        tensor.zero_()
    assert torch.equal(drawn(loaded), before)


def test_missing_extra_and_misshapen_tensors_are_named(tensors: dict[str, Tensor]) -> None:
    del tensors["side3.bias"]
    tensors["head.weight"] = torch.zeros(1)
    tensors["outconv.weight"] = torch.zeros(1, 7, 1, 1)
    message = refused(tensors)
    assert "u2netp" in message
    assert "1 missing: side3.bias" in message
    assert "1 extra: head.weight" in message
    assert "1 misshapen: outconv.weight is (1, 7, 1, 1), not (1, 6, 1, 1)" in message


def test_a_long_list_of_faults_is_cut(tensors: dict[str, Tensor]) -> None:
    message = refused({f"module.{name}": tensor for name, tensor in tensors.items()})
    assert f"{len(tensors)} missing" in message
    assert f"and {len(tensors) - 10} more" in message


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_is_refused(tensors: dict[str, Tensor], value: float) -> None:
    tensors["side1.weight"][0, 0, 0, 0] = value
    assert "1 no numbers: side1.weight" in refused(tensors)


def test_whole_numbers_are_no_weights(tensors: dict[str, Tensor]) -> None:
    tensors["side1.weight"] = tensors["side1.weight"].to(torch.int8)
    assert "1 no numbers: side1.weight" in refused(tensors)


class Opens:
    """Runs `open` when it is unpickled the trusting way."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.path), "w")


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path: Path) -> None:
    torch.save({"side1.weight": Opens(tmp_path / "ran")}, tmp_path / "bad.pth")
    assert "bad.pth is damaged or no plain checkpoint" in refused(tmp_path / "bad.pth")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("share", [0, 0.001, 0.5, 0.99])
def test_a_cut_file_is_refused(tensors: dict[str, Tensor], tmp_path: Path, suffix: str, share: float) -> None:
    whole = tmp_path / f"whole{suffix}"
    if suffix == ".pth":
        torch.save(tensors, whole)
    else:
        save_file(tensors, whole)
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * share)])
    assert f"cut{suffix} is damaged or no plain checkpoint" in refused(cut)


def test_a_checkpoint_of_something_else_is_refused(tmp_path: Path) -> None:
    torch.save([torch.zeros(3)], tmp_path / "list.pth")
    assert "holds a list" in refused(tmp_path / "list.pth")


def test_names_that_are_no_checkpoints(tmp_path: Path) -> None:
    assert "must end in one of .pth, .safetensors" in refused(tmp_path / "weights.onnx")
    assert "is no file" in refused(tmp_path / "absent.pth")


def test_a_file_resolves_to_its_name_and_hash(tmp_path: Path) -> None:
    path = tmp_path / "my wei\u00dfe\n1.pth"
    path.write_bytes(b"anything")
    weights = resolve(str(path))
    assert weights.path == path
    assert weights.name == "my_wei_e_1"
    assert weights.sha256 == hashlib.sha256(b"anything").hexdigest()


def test_a_source_that_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="say hub, lite or the path"):
        resolve(str(tmp_path / "absent.pth"))


def test_the_embedded_weights_load_and_are_small() -> None:
    weights = resolve("lite")
    assert weights.name == "u2netp_portrait_lite"
    assert weights.path.stat().st_size <= 5_000_000
    assert drawn(load_network(weights.path)).isfinite().all()

import hashlib
import json

import pytest
import torch

from model import load_network
from model.network.u2net import ARCHITECTURES, U2Net, published_name
from tests.tools import reference

PARAMETERS = {"u2net": 44_009_869, "u2netp": 1_131_181}
# of the published checkpoints' names and shapes, sorted
LAYOUT_SHA256 = {
    "u2net": "4b44f7165ebdf8e4ac13a2f5e8255c2f2750e9f063aefd3940b135f646db8f5c",
    "u2netp": "0c1b6aab841fc24dde523c0e93aaf079b29900de3f820f2e2b15e312196caaff",
}
SIZES = list(ARCHITECTURES)


def named_shapes(size: str) -> dict[str, list[int]]:
    with torch.device("meta"):
        network = U2Net(ARCHITECTURES[size])
    tensors = network.state_dict()
    named = {published_name(name): list(tensor.shape) for name, tensor in tensors.items()}
    assert len(named) == len(tensors), "two tensors share a published name"
    return named


@pytest.fixture(scope="module")
def small() -> U2Net:
    torch.manual_seed(3)
    return U2Net(ARCHITECTURES["u2netp"]).eval()


@pytest.mark.parametrize("size", SIZES)
def test_has_as_many_parameters_as_the_published_network(size: str) -> None:
    with torch.device("meta"):
        network = U2Net(ARCHITECTURES[size])
    assert sum(parameter.numel() for parameter in network.parameters()) == PARAMETERS[size]


@pytest.mark.parametrize("size", SIZES)
def test_names_and_shapes_are_the_published_ones(size: str) -> None:
    text = json.dumps(named_shapes(size), sort_keys=True)
    assert hashlib.sha256(text.encode()).hexdigest() == LAYOUT_SHA256[size]


@pytest.mark.parametrize("size", SIZES)
def test_published_names_are_a_bijection_onto_the_published_layout(size: str) -> None:
    assert named_shapes(size) == reference.layout(size)


@pytest.mark.parametrize("size", reference.SIZES_WITH_ANSWERS)
def test_draws_what_the_published_code_draws(size: str) -> None:
    network = load_network(reference.seeded(size))
    answers = reference.answers(size)
    assert any(int(side) % 2 for shape in answers for side in shape.split("x")), "no odd size among them"
    for shape, tensors in answers.items():
        with torch.inference_mode():
            maps = network.side_maps(tensors["x"])
            fused = network(tensors["x"])
        assert (maps[0] - tensors["d0"]).abs().max() <= 1e-5, shape
        assert (maps[6] - tensors["d6"]).abs().max() <= 1e-5, shape
        assert torch.equal(fused, maps[0])


@pytest.mark.parametrize(("height", "width"), [(32, 32), (32, 131), (77, 33)])
def test_maps_have_the_size_of_the_photo(small: U2Net, height: int, width: int) -> None:
    with torch.inference_mode():
        maps = small.side_maps(torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(1)))
    assert len(maps) == 7
    for line_map in maps:
        assert line_map.shape == (2, 1, height, width)
        assert 0 <= line_map.min() <= line_map.max() <= 1


@pytest.mark.parametrize("name", ["head.weight", "encoder.0.side.conv.weight"])
def test_an_unknown_tensor_has_no_published_name(name: str) -> None:
    with pytest.raises(ValueError, match="is no"):
        published_name(name)

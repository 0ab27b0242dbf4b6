"""Private operators of torch are what they were when our calls were written, and are called in two files only."""

import ast
import re
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[1]
PIN = re.findall(r"^torch==(\S+)", (ROOT / "requirements" / "torch.in").read_text(), re.MULTILINE)[0]
HOMES = {"handler/onednn.py", "model/network/onednn.py"}
ARCHIVES = "model/export.py"  # it takes TorchScript's files apart with torch._C

SCHEMAS = {
    "mkldnn::_reorder_convolution_weight": (
        "(Tensor self, int[2] padding=0, int[2] stride=1, int[2] dilation=1, int groups=1, int[]? input_size=None)"
        " -> Tensor Y"
    ),
    "mkldnn::_convolution_pointwise": (
        "(Tensor X, Tensor W, Tensor? B, int[] padding, int[] stride, int[] dilation, int groups, str attr,"
        " Scalar?[] scalars, str? algorithm) -> Tensor Y"
    ),
    "mkldnn::_convolution_pointwise_.binary": (
        "(Tensor(a!) other, Tensor X, Tensor W, Tensor? B, int[] padding, int[] stride, int[] dilation, int groups,"
        " str binary_attr, Scalar? alpha, str? unary_attr, Scalar?[] unary_scalars, str? unary_algorithm)"
        " -> Tensor(a!) Y"
    ),
    "onednn::qconv_prepack": (
        "(Tensor weight, Tensor w_scales, float x_scale, int x_zp, int[] stride, int[] padding, int[] dilation,"
        " int groups, int[]? x_shape=None) -> Tensor"
    ),
    "onednn::qconv2d_pointwise": (
        "(Tensor qx, float x_scale, int x_zero_point, Tensor qw, Tensor w_scale, Tensor w_zero_point, Tensor? bias,"
        " int[] stride, int[] padding, int[] dilation, int groups, float output_scale, int output_zero_point,"
        " ScalarType? output_dtype, str attr, Scalar?[] scalars, str? algorithm) -> Tensor"
    ),
}
"""Operator and overload -> arguments and result, as torch 2.13.0 has them."""


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_private_operator_is_what_our_calls_were_written_for(name: str) -> None:
    operator = name.partition(".")[0]
    found = [str(schema) for schema in torch._C._jit_get_schemas_for_operator(operator)]
    assert f"{name}{SCHEMAS[name]}" in found, (
        f"{operator} is private to torch, and not in {torch.__version__} what it was in the pinned torch=={PIN}: "
        f"adapt the calls in {' and '.join(sorted(HOMES))}, draw with each form of the network, then record it here"
    )


def test_the_pinned_torch_is_the_one_that_is_tried() -> None:
    assert torch.__version__.split("+")[0] == PIN


@pytest.mark.parametrize(
    ("name", "methods"),
    [
        ("PyTorchFileReader", ["get_all_records", "get_record"]),
        ("PyTorchFileWriter", ["write_record", "write_end_of_file"]),
    ],
)
def test_what_takes_a_module_apart_is_there(name: str, methods: list[str]) -> None:
    private = getattr(torch._C, name, None)
    missing = [method for method in methods if not hasattr(private, method)]
    assert not missing, f"torch._C.{name} lacks {missing}: {ARCHIVES} was written for torch=={PIN}"


def private_names(path: Path) -> set[str]:
    """`torch.ops` and `torch._C` in the code of a file."""
    found = {ast.unparse(node) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
    return found & {"torch.ops", "torch._C"}


def test_private_operators_are_called_in_two_files() -> None:
    sources = [path for room in ("handler", "model", "scripts", "web") for path in (ROOT / room).rglob("*.py")]
    found = {str(path.relative_to(ROOT)): names for path in sources if (names := private_names(path))}
    assert found == {home: {"torch.ops"} for home in HOMES} | {ARCHIVES: {"torch._C"}}

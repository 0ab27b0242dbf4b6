"""Writes a model that a peer loads: `python -m scripts.bench.convert FOLDER MODEL`, by the Python that has the peers.

This takes more memory than drawing does, and the same time for any number of threads: so it is done once a run, in
a process of its own. All that is quantised is so on the photos that this project's int8 is made from.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from handler.precision import sums_exactly
from model.network.line_model import LineModel
from model.weights.loading import load_network
from scripts.bench.inputs import Inputs


def main(argv: Sequence[str] | None = None) -> int:
    """Arguments: the folder of inputs, the name of the model."""
    folder, name = sys.argv[1:] if argv is None else argv
    with torch.no_grad():
        MODELS[name](Inputs(Path(folder)))
    return 0


def onnx(inputs: Inputs) -> None:
    network, example = load_network(inputs.weights), _example(inputs)
    torch.onnx.export(network, (example,), inputs.folder / "network.onnx", input_names=["x"], dynamo=False)


def onnx_int8(inputs: Inputs) -> None:
    """Quantize statically, as ONNX Runtime's guide advises for CPUs: QDQ, uint8 maps, int8 weights for each channel."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Photos(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._arrays: Iterator[Any] = iter(_calibration(inputs))

        def get_next(self) -> dict[str, Any] | None:
            array = next(self._arrays, None)
            return None if array is None else {"x": array}

    prepared = inputs.folder / "network-prepared.onnx"
    quant_pre_process(inputs.folder / "network.onnx", prepared, skip_symbolic_shape=True)
    quantize_static(
        prepared,
        inputs.folder / "network-int8.onnx",
        Photos(),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
        reduce_range=saturates(),
    )


def openvino(inputs: Inputs) -> None:
    import openvino as ov

    network, example = load_network(inputs.weights), _example(inputs)
    model = ov.convert_model(network, example_input=example, input=list(example.shape))
    ov.save_model(model, inputs.folder / "network.xml", compress_to_fp16=False)


def openvino_int8(inputs: Inputs) -> None:
    """By NNCF with its defaults; seven-bit weights are what it calls the overflow fix."""
    import nncf
    import openvino as ov

    fix = nncf.OverflowFix.ENABLE if saturates() else nncf.OverflowFix.FIRST_LAYER
    arrays = _calibration(inputs)
    model = nncf.quantize(
        ov.Core().read_model(inputs.folder / "network.xml"),
        nncf.Dataset(arrays),
        subset_size=len(arrays),
        advanced_parameters=nncf.AdvancedQuantizationParameters(overflow_fix=fix),
    )
    ov.save_model(model, inputs.folder / "network-int8.xml", compress_to_fp16=False)


MODELS: dict[str, Callable[[Inputs], None]] = {
    "network.onnx": onnx,
    "network-int8.onnx": onnx_int8,
    "network.xml": openvino,
    "network-int8.xml": openvino_int8,
}
"""File -> what writes it. An int8 model is made from the one before."""


def saturates() -> bool:
    """Whether this CPU's sums of products with eight-bit weights do, so that weights must have seven."""
    return not sums_exactly(127)


def _example(inputs: Inputs) -> torch.Tensor:
    return torch.rand(torch.load(inputs.photos)["compared"][:1].shape)


def _calibration(inputs: Inputs) -> list[Any]:
    line_model = LineModel(load_network(inputs.weights))
    photos = torch.load(inputs.photos)["calibration"]
    return [line_model.normalised(photo[None]).contiguous().numpy() for photo in photos]


if __name__ == "__main__":
    sys.exit(main())

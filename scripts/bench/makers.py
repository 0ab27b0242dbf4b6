"""An engine, made in its own process: from the run's inputs to a function that draws.

What a peer is timed at is the network alone, on a normalised array, as its users call it; eager
and TorchScript are timed from photo to line map.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from handler.inference import plain_inference, read_module
from handler.module_info import FORMS
from handler.precision import PRECISIONS, natively_bf16, prefers_plain
from model.network.line_model import LineModel
from model.weights.loading import load_network
from scripts.bench.inputs import Inputs
from scripts.bench.spec import Engine


class Made(NamedTuple):
    """Three steps from a photo, uint8 (1, 3, H, W), to its line map, float32 (H, W); `run` is timed."""

    before: Callable[[Tensor], Any]
    run: Callable[[Any], Any]
    after: Callable[[Any], Tensor]


def eager(inputs: Inputs, engine: Engine, threads: int) -> Made:
    line_model = LineModel(load_network(inputs.weights)).eval()

    # as the original app runs it: the memory format that tensors have by themselves
    def whole(photo: Tensor) -> Tensor:
        fused: Tensor = line_model.network(line_model.normalised(photo).contiguous())
        return line_model.lines(fused)

    return Made(_same, whole, _first)


def module(inputs: Inputs, engine: Engine, threads: int) -> Made:
    form, dtype, _ = PRECISIONS[engine.precision]
    line_model, _ = read_module(inputs.folder / FORMS[form], engine.device)
    line_model.pack(dtype, prefers_plain(engine.device))

    def whole(photo: Tensor) -> Tensor:
        with plain_inference():
            lines: Tensor = line_model(photo.to(engine.device))
        return lines.cpu()  # a GPU is waited for

    return Made(_same, whole, _first)


def onnxruntime(inputs: Inputs, engine: Engine, threads: int) -> Made:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(str(inputs.folder / engine.model), options, providers=["CPUExecutionProvider"])
    return _peer(inputs, lambda x: session.run(None, {"x": x})[0])


def openvino(inputs: Inputs, engine: Engine, threads: int) -> Made:
    import openvino as ov

    hints = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    if engine.precision == "fp32" or not natively_bf16():
        hints["INFERENCE_PRECISION_HINT"] = "f32"  # else its own choice, which is bf16, also beside int8
    request = ov.Core().compile_model(inputs.folder / engine.model, "CPU", hints).create_infer_request()
    return _peer(inputs, lambda x: request.infer({0: x})[0])


MAKERS: dict[str, Callable[[Inputs, Engine, int], Made]] = {
    "eager": eager,
    "module": module,
    "onnxruntime": onnxruntime,
    "openvino": openvino,
}


def _peer(inputs: Inputs, run: Callable[[Any], Any]) -> Made:
    line_model = LineModel(load_network(inputs.weights))
    return Made(
        lambda photo: line_model.normalised(photo).contiguous().numpy(),
        run,
        lambda fused: line_model.lines(torch.from_numpy(fused))[0],
    )


def _same(photo: Tensor) -> Tensor:
    return photo


def _first(lines: Tensor) -> Tensor:
    return lines[0]

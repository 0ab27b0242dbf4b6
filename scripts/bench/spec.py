"""What is compared: the table of engines, and which of them this CPU has."""

from collections.abc import Iterable
from typing import NamedTuple

import torch

from handler.module_info import FORMS
from handler.precision import PRECISIONS, natively_bf16, offered
from scripts.bench import isa

CPU, GPU = "cpu", "cuda:0"


class Engine(NamedTuple):
    """One way to run the network, as its users run it."""

    maker: str  # of `scripts.bench.makers`
    precision: str
    tuned: bool = False  # in the environment that scripts/serve.sh gives to workers
    model: str = ""  # of a peer, which needs requirements/peers.txt: of `scripts.bench.convert`
    device: str = CPU

    @property
    def peer(self) -> bool:
        """Whether it is not of this project."""
        return bool(self.model)


BASELINE = "eager fp32"
ENGINES = {
    BASELINE: Engine("eager", "fp32"),
    "TorchScript fp32": Engine("module", "fp32", tuned=True),
    "TorchScript bf16": Engine("module", "bf16", tuned=True),
    "TorchScript int8-w7": Engine("module", "int8-w7", tuned=True),
    "TorchScript int8": Engine("module", "int8", tuned=True),
    "GPU fp32": Engine("module", "fp32", tuned=True, device=GPU),
    "GPU fp16": Engine("module", "fp16", tuned=True, device=GPU),
    "ONNX Runtime fp32": Engine("onnxruntime", "fp32", model="network.onnx"),
    "ONNX Runtime int8": Engine("onnxruntime", "int8", model="network-int8.onnx"),
    "OpenVINO fp32": Engine("openvino", "fp32", model="network.xml"),
    "OpenVINO bf16": Engine("openvino", "bf16", model="network.xml"),
    "OpenVINO int8": Engine("openvino", "int8", model="network-int8.xml"),
}


def candidates(peers: bool) -> list[str]:
    """All engines, or those of this project alone."""
    return [name for name, engine in ENGINES.items() if peers or not engine.peer]


def split(names: Iterable[str]) -> tuple[list[str], dict[str, list[str]]]:
    """Those of `names` that this machine has, within the limits of this process; and why it lacks the others."""
    found: list[str] = []
    missing: dict[str, list[str]] = {}
    for name in names:
        reason = _reason(ENGINES[name])
        if reason:
            missing.setdefault(reason, []).append(name)
        else:
            found.append(name)
    return found, missing


def own(names: Iterable[str]) -> list[str]:
    """Those of `names` that a worker on a CPU may compute in, the fastest last."""
    engines = {name: ENGINES[name] for name in names}
    modules = {e.precision: name for name, e in engines.items() if (e.maker, e.device) == ("module", CPU)}
    return [modules[precision] for precision in offered(CPU, FORMS) if precision in modules]


def forms(names: Iterable[str]) -> list[str]:
    """Return the forms of the network, as in `handler.module_info.FORMS`, that these engines load."""
    return [PRECISIONS[engine.precision].form for engine in map(ENGINES.__getitem__, names) if engine.maker == "module"]


def _reason(engine: Engine) -> str:
    """Why this CPU does not have an engine; empty where it does."""
    if engine.device == GPU:
        return "" if torch.cuda.is_available() else "no GPU is here, or this torch has no CUDA"
    here = offered(CPU, FORMS)
    if engine.precision == "bf16" and not natively_bf16():
        return "this CPU does not compute in bf16"
    if engine.maker == "onnxruntime" and isa.is_exceeded():
        return "ONNX Runtime cannot be held down and this CPU has more"
    if engine.maker == "module" and engine.precision not in here:
        return f"this CPU has no exact instructions for {engine.precision}"
    if engine.precision == "int8-w7" and "int8" in here:
        return "this CPU is exact in int8"
    return ""

"""What is compared: the table of engines, and which of them this CPU has."""

from collections.abc import Iterable
from typing import NamedTuple

from handler.module_info import FORMS
from handler.precision import PRECISIONS, natively_bf16, offered
from scripts.bench import isa


class Engine(NamedTuple):
    """One way to run the network, as its users run it."""

    maker: str  # of `scripts.bench.makers`
    precision: str
    tuned: bool = False  # in the environment that scripts/serve.sh gives to workers
    model: str = ""  # of a peer, which needs requirements/peers.txt: of `scripts.bench.convert`

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
    """Those of `names` that this CPU has, within the limits of this process; and the reason of each of the others."""
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
    """Those of `names` that a worker may compute in, the fastest last."""
    modules = {ENGINES[name].precision: name for name in names if ENGINES[name].maker == "module"}
    return [modules[precision] for precision in offered("cpu", FORMS) if precision in modules]


def forms(names: Iterable[str]) -> list[str]:
    """Return the forms of the network, as in `handler.module_info.FORMS`, that these engines load."""
    return [PRECISIONS[engine.precision].form for engine in map(ENGINES.__getitem__, names) if engine.maker == "module"]


def _reason(engine: Engine) -> str:
    """Why this CPU does not have an engine; empty where it does."""
    here = offered("cpu", FORMS)
    if engine.precision == "bf16" and not natively_bf16():
        return "this CPU does not compute in bf16"
    if engine.maker == "onnxruntime" and isa.is_exceeded():
        return "ONNX Runtime cannot be held down and this CPU has more"
    if engine.maker == "module" and engine.precision not in here:
        return f"this CPU has no exact instructions for {engine.precision}"
    if engine.precision == "int8-w7" and "int8" in here:
        return "this CPU is exact in int8"
    return ""

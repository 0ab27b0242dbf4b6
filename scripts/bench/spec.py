"""What is compared: the table of engines."""

from typing import NamedTuple


class Engine(NamedTuple):
    """One way to run the network, as its users run it."""

    maker: str  # of `scripts.bench.makers`
    precision: str
    tuned: bool = False  # in the environment that scripts/serve.sh gives to workers
    peer: bool = False  # needs requirements/peers.txt


BASELINE = "eager fp32"
ENGINES = {
    BASELINE: Engine("eager", "fp32"),
    "TorchScript fp32": Engine("module", "fp32", tuned=True),
    "TorchScript bf16": Engine("module", "bf16", tuned=True),
    "TorchScript int8": Engine("module", "int8", tuned=True),
    "ONNX Runtime fp32": Engine("onnxruntime", "fp32", peer=True),
    "OpenVINO fp32": Engine("openvino", "fp32", peer=True),
    "OpenVINO bf16": Engine("openvino", "bf16", peer=True),
    "OpenVINO int8": Engine("openvino", "int8", peer=True),
}

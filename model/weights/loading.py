"""A checkpoint becomes a network: read without running code, matched tensor by tensor."""

import pickle
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from model.network.u2net import ARCHITECTURES, Architecture, U2Net, published_name
from model.weights.errors import WeightsError

_SHOWN = 10


def load_network(source: str | Path | Mapping[str, Tensor]) -> U2Net:
    """Checkpoint -> network in eval mode, float32, of the size that the checkpoint has.

    `source` is a `.pth` or `.safetensors` file, or a mapping of tensors, under the names of the
    published checkpoints (`published_name`). Half precision is widened to float32.
    Raises `WeightsError` naming the tensors that are missing, extra, misshapen or no numbers.
    """
    tensors = source if isinstance(source, Mapping) else read_tensors(Path(source))
    layouts = {size: _layout(architecture) for size, architecture in ARCHITECTURES.items()}
    faults = {size: _faults(layout, tensors) for size, layout in layouts.items()}
    # of several sizes that do not fit, the message tells of the nearest
    size = min(faults, key=lambda size: sum(map(len, faults[size].values())))
    if any(faults[size].values()):
        raise WeightsError(_message(size, faults[size]))
    network = U2Net(ARCHITECTURES[size])
    network.load_state_dict({name: tensors[published_name(name)] for name in network.state_dict()})
    return network.eval()


def read_tensors(path: Path) -> Mapping[str, Tensor]:
    """File -> its tensors by name. Raises `WeightsError` for anything but a plain checkpoint."""
    if path.suffix not in _READERS:
        known = ", ".join(_READERS)
        raise WeightsError(f"weights: {path} must end in one of {known}")
    if not path.is_file():
        raise WeightsError(f"weights: {path} is no file")
    try:
        tensors = _READERS[path.suffix](path)
    except (pickle.UnpicklingError, SafetensorError, RuntimeError, EOFError, OSError) as error:
        raise WeightsError(
            f"weights: {path} is damaged or no plain checkpoint ({_first_line(error)}); "
            "fetch it again, or save it as a mapping of tensors"
        ) from error
    if not isinstance(tensors, Mapping):
        raise WeightsError(f"weights: {path} holds a {type(tensors).__name__}, not named tensors")
    return tensors


def _read_pth(path: Path) -> object:
    # without code: a pickle may hold nothing but tensors and plain containers
    return torch.load(path, map_location="cpu", weights_only=True)


_READERS: dict[str, Callable[[Path], object]] = {".pth": _read_pth, ".safetensors": load_file}


def _layout(architecture: Architecture) -> dict[str, Tensor]:
    # shapes alone, no memory
    with torch.device("meta"):
        network = U2Net(architecture)
    return {published_name(name): tensor for name, tensor in network.state_dict().items()}


def _faults(layout: Mapping[str, Tensor], tensors: Mapping[str, object]) -> dict[str, list[str]]:
    """Fault -> the tensors that have it; all empty when `tensors` fit `layout`."""
    shared = [name for name in layout if name in tensors]
    return {
        "missing": [name for name in layout if name not in tensors],
        "extra": [str(name) for name in tensors if name not in layout],
        "misshapen": [
            f"{name} is {_shape(tensors[name])}, not {_shape(layout[name])}"
            for name in shared
            if _shape(tensors[name]) != _shape(layout[name])
        ],
        "no numbers": [name for name in shared if not _fits(tensors[name], layout[name])],
    }


def _shape(tensor: object) -> str:
    return str(tuple(tensor.shape)) if isinstance(tensor, Tensor) else type(tensor).__name__


def _fits(tensor: object, like: Tensor) -> bool:
    """Floating for floating and finite; the batch counters may be of any real type."""
    if not isinstance(tensor, Tensor):
        return True  # counted as misshapen
    if not like.is_floating_point():
        return not tensor.is_complex()
    return tensor.is_floating_point() and bool(torch.isfinite(tensor).all())


def _message(size: str, faults: Mapping[str, list[str]]) -> str:
    found = "; ".join(f"{len(names)} {fault}: {_some(names)}" for fault, names in faults.items() if names)
    return f"weights: these are not the tensors of {size}, the nearest size: {found}"


def _some(names: Sequence[str]) -> str:
    rest = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]

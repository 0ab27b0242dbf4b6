"""Where weights come from: the Hugging Face Hub, the embedded file, or a file of one's own."""

import re
from dataclasses import dataclass
from pathlib import Path

from handler.sight import Sight
from model.files import sha256_of
from model.weights.errors import WeightsError
from model.weights.hub import PUBLISHED, HubFile, fetch

EMBEDDED = Path(__file__).parents[1] / "lite" / "u2netp_portrait_lite.safetensors"
EMBEDDED_SIGHT = Sight(side=448, face=170, most=864)
LOCK = Path(__file__).parents[2] / "weights.lock"


@dataclass(frozen=True)
class Weights:
    """A checkpoint on this machine whose bytes are known."""

    path: Path
    name: str  # letters, digits, ".", "_" and "-" only: it travels in a header of every answer
    sha256: str  # 64 hex digits


def sight_of(weights: Weights) -> Sight:
    """Return what these weights see best: the embedded ones a face of 170 pixels, all others what they were trained at.

    Measured on kept-back pairs and on photos of all sizes: model/lite/README.md.
    """
    return EMBEDDED_SIGHT if weights.sha256 == sha256_of(EMBEDDED) else Sight()


def resolve(source: str, hub: HubFile = PUBLISHED, lock: Path = LOCK, update_lock: bool = False) -> Weights:
    """`hub`, `lite` or the path of a checkpoint -> weights on this machine.

    `hub` is downloaded, or taken from the hub's cache, and compared with what the hub states and
    with `lock`; `lite` is the embedded checkpoint. Raises `WeightsError`, within 20 seconds where
    the hub does not answer.
    """
    if source == "hub":
        path, pin = fetch(hub, lock, update_lock)
        return Weights(path, _name(path), pin.sha256)
    path = EMBEDDED if source == "lite" else Path(source)
    if not path.is_file():
        raise WeightsError(f"weights: {path} is no file; say hub, lite or the path of a checkpoint")
    return Weights(path, _name(path), sha256_of(path))


def _name(path: Path) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", path.stem)

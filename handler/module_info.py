"""What an exported module is and says of itself: the contract between export and worker."""

import json
from dataclasses import asdict, dataclass

from handler.sight import Sight

FORMS = {"float": "portrait.pt", "int8-w7": "portrait-int8-w7.pt", "int8": "portrait-int8.pt"}
"""Form of the network -> its file in the archive. `int8` has eight-bit weights; `int8-w7` has seven-bit
weights, for CPUs that add two products in 16 bits."""

WEIGHT_TOPS = {"int8-w7": 64, "int8": 127}
"""Form -> largest magnitude of an integer weight: 2 x 255 x 64 fits in 16 bits, 2 x 255 x 127 does not."""

PERSON_FILE, FACE_FILE = "selfie_segmentation.tflite", "face_detection_short_range.tflite"
"""The models of `handler.person` and `handler.faces`, as their publisher named them; an archive has both or neither."""

INFO_FILE = "portrait.json"
"""Where a module keeps its `ModuleInfo`, as JSON."""


@dataclass(frozen=True)
class ModuleInfo:
    """What an exported module says of itself."""

    weights: str  # name of the weights, as answers give it
    sha256: str  # of the weights' file, 64 hex digits
    network: str  # u2net or u2netp
    form: str  # one of `FORMS`
    torch: str  # the version that wrote it
    sight: Sight = Sight()

    @property
    def label(self) -> str:
        """Name and first 12 hex digits of the weights, as `Portrait-Weights` has them."""
        return f"{self.weights} {self.sha256[:12]}"

    def to_json(self) -> str:
        """Write it as a module keeps it."""
        return json.dumps(asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str) -> "ModuleInfo":
        """Read what `to_json` wrote. Raises `TypeError` or `ValueError` for anything else."""
        told = json.loads(text)
        return cls(**told | {"sight": Sight(**told["sight"])})

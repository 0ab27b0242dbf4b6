"""Whether the archive on disk is what would be built now."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from model.files import sha256_of, write_whole
from scripts.serving.paths import ROOT

# What the entries of an archive depend on, beside the weights: all that `scripts.archive.build` imports.
CODE = (
    "handler/**/*.py",
    "handler/model-config.yaml",
    "model/*.py",
    "model/network/*.py",
    "model/weights/*.py",
    "model/quantization/*.py",
    "model/quantization/photos/*.jpg",
    "requirements/server.txt",
    "requirements/torch.in",
    "scripts/archive/build.py",
    "scripts/serving/settings.py",  # the archive's name and version
)
PINNED_WEIGHTS = ("model/lite/*", "weights.lock", "build/person/*.tflite")


@dataclass(frozen=True)
class Record:
    """Lies beside an archive and tells how it came about."""

    inputs: str  # `inputs_digest` when it was built
    archive: str  # SHA-256 of the archive
    weights: str  # where they came from: hub, lite or the file's path


def record_path(archive: Path) -> Path:
    """portrait.mar -> portrait.build.json."""
    return archive.with_suffix(".build.json")


def read_record(archive: Path) -> Record | None:
    """Return the record of `archive`; None when there is none, or no archive."""
    try:
        return Record(**json.loads(record_path(archive).read_text())) if archive.exists() else None
    except (FileNotFoundError, ValueError, TypeError):
        return None


def write_record(archive: Path, record: Record) -> None:
    """Write a record, the reverse of `read_record`."""
    write_whole(record_path(archive), json.dumps(asdict(record), indent=2) + "\n")


def inputs_digest(weights: str, calibration: Path | None = None) -> str:
    """SHA-256 over all that an archive is made of, the photos in `calibration` among it.

    `weights` are auto, hub, lite or a file; no network is asked. A checkout that is moved or copied keeps it.
    """
    digest = hashlib.sha256(f"{weights}\0{calibration or ''}".encode())
    paths = [path for pattern in (*CODE, *PINNED_WEIGHTS) for path in sorted(ROOT.glob(pattern))]
    if Path(weights).is_file():
        paths.append(Path(weights))
    if calibration and calibration.is_dir():
        paths += sorted(calibration.iterdir())
    for path in paths:
        if path.is_file():
            name = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
            digest.update(f"{name}\0{sha256_of(path)}\0".encode())
    return digest.hexdigest()

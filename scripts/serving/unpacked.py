"""The archive of one run, unpacked as TorchServe would, with the run's own numbers in its model-config.yaml.

TorchServe takes the length of a queue and the time that a worker may take from that file alone.
"""

import shutil
import zipfile
from pathlib import Path

import yaml

from scripts.serving.errors import SetupError
from scripts.serving.promise import Promise

CONFIG = "model-config.yaml"


def unpack(archive: Path, promise: Promise, folder: Path) -> None:
    """Fill `folder`, which is made, with what TorchServe serves. Raises `SetupError` for an archive that is none."""
    try:
        with zipfile.ZipFile(archive) as entries:
            entries.extractall(folder)
    except (OSError, zipfile.BadZipFile) as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise SetupError(f"{archive} could not be unpacked into {folder}: {error}") from error
    path = folder / CONFIG
    settings = yaml.safe_load(path.read_text())
    settings |= {"jobQueueSize": promise.places, "responseTimeout": promise.response_seconds}
    path.write_text(yaml.safe_dump(settings))

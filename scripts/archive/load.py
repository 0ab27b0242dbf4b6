"""Loads an archive in this process as a TorchServe worker would: `python -m scripts.archive.load FILE`."""

import importlib
import json
import os
import sys
import tempfile
import zipfile
from pathlib import Path

from ts.model_loader import ModelLoaderFactory


def main() -> int:
    """Exit status 0 when the handler initialised; an exception tells why not."""
    archive = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(archive) as entries:
            entries.extractall(folder)
        manifest = json.loads((Path(folder) / "MAR-INF" / "MANIFEST.json").read_text())
        os.chdir(folder)
        # As in a worker: the archive's modules, and none of the checkout's.
        sys.path[0] = folder
        model = manifest["model"]
        # TorchServe's loader tells of a failed import only that there is no such handler.
        importlib.import_module(model["handler"].removesuffix(".py"))
        loader = ModelLoaderFactory.get_model_loader()
        loader.load(model["modelName"], folder, model["handler"], gpu_id=None, batch_size=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())

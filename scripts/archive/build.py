"""Weights and handler -> the archive that TorchServe loads.

Needs what requirements/server.txt installs, unlike its siblings.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from handler.finders import load_finders
from handler.module_info import FORMS
from model.export import export
from model.files import move_into_place
from model.weights.source import Weights
from scripts.serving.paths import ROOT
from scripts.serving.settings import MODEL, VERSION

HANDLER = ROOT / "handler"
ENTRY = "portrait_handler.py"
SERIALIZED = FORMS["float"]  # TorchServe wants one file named in the manifest; the others lie beside it


class ArchiveError(RuntimeError):
    """The archive could not be made, or does not load."""


def build(
    weights: Weights,
    output: Path,
    version: str = VERSION,
    calibration: Path | None = None,
    finders: Sequence[Path] = (),
) -> list[str]:
    """Write the archive of `weights` to `output`, whole and loadable, or leave `output` as it was -> its forms.

    It serves on every machine, with the forms of the network that `model.export.export` writes. The photos in
    `calibration` are as there. `version` is the model's: several can be served side by side. `finders` are the
    models of person and faces, packed as they are. The same arguments give the same entries.
    Raises `WeightsError`, `QuantizationError`, `ExportError` or `ArchiveError`.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}.") as folder:
        stage = Path(folder)
        package = stage / "package"
        _stage_handler(package)
        for path in finders:
            shutil.copyfile(path, package / path.name)
        written = export(weights, package, calibration, load_finders(package))
        (package / SERIALIZED).rename(stage / SERIALIZED)
        archive = _pack(stage, version)
        check(archive)
        move_into_place(archive, output)
    return [info.form for info in written]


def _stage_handler(package: Path) -> None:
    """Return the package `handler` less its entry, which TorchServe wants in the archive's root."""
    shutil.copytree(HANDLER, package / "handler", ignore=shutil.ignore_patterns("__pycache__", "*.yaml", ENTRY))


def _pack(stage: Path, version: str) -> Path:
    """torch-model-archiver over what is staged; it works in $TMPDIR, which is therefore our own."""
    (stage / "tmp").mkdir()
    (stage / "out").mkdir()
    arguments = {
        "model-name": MODEL,
        "version": version,
        "serialized-file": stage / SERIALIZED,
        "handler": HANDLER / ENTRY,
        "extra-files": stage / "package",
        "config-file": HANDLER / "model-config.yaml",
        "export-path": stage / "out",
        "archive-format": "zip-store",  # weights hardly shrink, and unpacking delays every start
    }
    options = [text for name, value in arguments.items() for text in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "model_archiver.model_packaging", *options]
    _run(command, "torch-model-archiver failed", {"TMPDIR": str(stage / "tmp")})
    return stage / "out" / f"{MODEL}.mar"


def check(archive: Path) -> None:
    """Load the archive as a TorchServe worker does; raises `ArchiveError` with the reason when it does not."""
    _run([sys.executable, "-m", "scripts.archive.load", str(archive)], f"{archive.name} does not load")


def _run(command: list[str], failure: str, variables: dict[str, str] | None = None) -> None:
    environment = {**os.environ, **(variables or {})}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr.strip() or done.stdout.strip() or "no reason given").splitlines()[-1]
        raise ArchiveError(f"{failure}: {reason}")

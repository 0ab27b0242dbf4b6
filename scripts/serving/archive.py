"""Weights and handler -> the archive that TorchServe loads.

Needs what requirements/server.txt installs, unlike its siblings.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
import yaml

from model.export import export
from model.weights import Weights
from scripts.serving.paths import ROOT

NAME = "portrait"
VERSION = "1.0"
HANDLER = ROOT / "handler"
ENTRY = "portrait_handler.py"
# A batch is no faster on a CPU, which model-config.yaml is for, and a GPU idles without one.
ON_GPU = {"deviceType": "gpu", "batchSize": 8, "maxBatchDelay": 20}


class ArchiveError(RuntimeError):
    """The archive could not be made, or does not load."""


def build(
    weights: Weights, precision: str, output: Path, version: str = VERSION, calibration: Path | None = None
) -> None:
    """Write the archive of `weights` to `output`, whole and loadable, or leave `output` as it was.

    `precision` and the photos in `calibration` are as for `model.export.export`. `version` is the model's:
    several can be served side by side. The same arguments give the same entries.
    Raises `WeightsError`, `QuantizationError`, `ExportError` or `ArchiveError`.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}.") as folder:
        stage = Path(folder)
        export(weights, stage / f"{NAME}.pt", precision, calibration)
        _stage_handler(stage, precision)
        archive = _pack(stage, version)
        check(archive)
        archive.replace(output)


def _stage_handler(stage: Path, precision: str) -> None:
    """The package `handler` less its entry, which TorchServe wants in the archive's root."""
    ignored = shutil.ignore_patterns("__pycache__", "*.yaml", ENTRY)
    shutil.copytree(HANDLER, stage / "package" / "handler", ignore=ignored)
    config = model_config(precision, torch.cuda.is_available())
    (stage / "model-config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))


def model_config(precision: str, gpu: bool) -> dict[str, Any]:
    """The committed settings of the model, with `precision` and, beside a GPU, batches for it."""
    config: dict[str, Any] = yaml.safe_load((HANDLER / "model-config.yaml").read_text())
    config["handler"]["precision"] = precision
    return config | ON_GPU if gpu else config


def _pack(stage: Path, version: str) -> Path:
    """torch-model-archiver over what is staged; it works in $TMPDIR, which is therefore our own."""
    (stage / "tmp").mkdir()
    (stage / "out").mkdir()
    arguments = {
        "model-name": NAME,
        "version": version,
        "serialized-file": stage / f"{NAME}.pt",
        "handler": HANDLER / ENTRY,
        "extra-files": stage / "package",
        "config-file": stage / "model-config.yaml",
        "export-path": stage / "out",
        "archive-format": "zip-store",  # weights hardly shrink, and unpacking delays every start
    }
    options = [text for name, value in arguments.items() for text in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "model_archiver.model_packaging", *options]
    _run(command, "torch-model-archiver failed", {"TMPDIR": str(stage / "tmp")})
    return stage / "out" / f"{NAME}.mar"


def check(archive: Path) -> None:
    """Load the archive as a TorchServe worker does; raises `ArchiveError` with the reason when it does not."""
    _run([sys.executable, "-m", "scripts.serving.load_archive", str(archive)], f"{archive.name} does not load")


def _run(command: list[str], failure: str, variables: dict[str, str] | None = None) -> None:
    environment = {**os.environ, **(variables or {})}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr.strip() or done.stdout.strip() or "no reason given").splitlines()[-1]
        raise ArchiveError(f"{failure}: {reason}")

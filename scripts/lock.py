"""Compiles requirements/NAME.in into requirements/NAME.txt: every package, with the hashes of its published files.

Needs what requirements/tools.txt installs, and the package index.
"""

import argparse
import hashlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from model.files import write_whole
from scripts.serving.paths import ROOT

REQUIREMENTS = ROOT / "requirements"
ALL = "test"  # compiled first; the others take its versions of what they share
OLDEST_PYTHON = {"peers": "3.11"}  # ONNX Runtime's; else pyproject.toml's
ELSEWHERE = ("peers",)  # installed into a venv of its own
EXCLUDED = (
    # No code of Python 3 needs it, and it has no wheel: only torch-model-archiver's metadata asks for it.
    "enum-compat",
    # What PyTorch's default build asks for on Linux; its CPU build does not. requirements/torch.txt has them.
    "cuda-bindings",
    "cuda-toolkit",
    "nvidia-cudnn-cu13",
    "nvidia-cusparselt-cu13",
    "nvidia-nccl-cu13",
    "nvidia-nvshmem-cu13",
    "triton",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Status 0 once every file is compiled; else uv's, which tells why."""
    parser = argparse.ArgumentParser(prog="python -m scripts.lock", description=__doc__)
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions that the inputs allow")
    upgrade = parser.parse_args(argv).upgrade
    for name in sorted((path.stem for path in REQUIREMENTS.glob("*.in")), key=lambda name: (name != ALL, name)):
        status = compile_one(name, upgrade)
        if status:
            return status
    return 0


def compile_one(name: str, upgrade: bool) -> int:
    """Write requirements/`name`.txt and return 0, or uv's status."""
    output = REQUIREMENTS / f"{name}.txt"
    with tempfile.TemporaryDirectory() as folder:
        compiled = Path(folder, output.name)
        # Versions that were compiled before stay, unless told otherwise.
        compiled.write_text(output.read_text() if output.exists() else "")
        status = subprocess.run(_uv_command(name, compiled, upgrade), cwd=REQUIREMENTS).returncode
        if status == 0:
            write_whole(output, header(name) + compiled.read_text())
    return status


def _uv_command(name: str, compiled: Path, upgrade: bool) -> list[str]:
    # For every platform and Python at once; without wheels, a build would fetch what no hash covers.
    command = [
        sys.executable,
        "-m",
        "uv",
        "pip",
        "compile",
        "--quiet",
        "--universal",
        "--generate-hashes",
        "--no-build",
    ]
    command += ["--no-header", "--no-annotate", "--python-version", OLDEST_PYTHON.get(name, "3.10")]
    if name not in (ALL, *ELSEWHERE):
        command += ["--constraints", f"{ALL}.txt"]
    if name != "torch":
        excluded = compiled.with_suffix(".excluded")
        excluded.write_text("\n".join(EXCLUDED))
        command += ["--excludes", str(excluded), "--no-emit-package", "torch"]
    return [*command, *(["--upgrade"] if upgrade else []), "--output-file", str(compiled), f"{name}.in"]


def header(name: str) -> str:
    """Return the first line of a compiled file, which tells what it was compiled from."""
    return f"# Of {name}.in, by python -m scripts.lock; inputs: {inputs_digest(name)}\n"


def inputs_digest(name: str) -> str:
    """SHA-256 over requirements/`name`.in and what it includes, without comments."""
    lines = (line.partition("#")[0].strip() for line in lines_of(name))
    return hashlib.sha256("\n".join(line for line in lines if line).encode()).hexdigest()


def lines_of(name: str) -> list[str]:
    """Lines of requirements/`name`.in, with those of the files that it includes in place of their names."""
    lines = (REQUIREMENTS / f"{name}.in").read_text().splitlines()
    included = [re.match(r"-r (\S+)\.in", line) for line in lines]
    return [
        inner
        for line, found in zip(lines, included, strict=True)
        for inner in (lines_of(found[1]) if found else [line])
    ]


if __name__ == "__main__":
    sys.exit(main())

"""Where things lie in the checkout."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
ARCHIVE = BUILD / "model-store" / "portrait.mar"
SAMPLE = ROOT / "docs" / "astronaut.jpg"
# Settings, keys and logs of the server in a container; the image makes it writable.
CONTAINER = Path("/var/lib/portrait")


def folder_of(rest_port: int) -> Path:
    """Where the server with this REST port keeps its settings, logs and keys."""
    return BUILD / "serve" / str(rest_port)

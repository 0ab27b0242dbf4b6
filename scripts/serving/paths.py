"""Where things lie in the checkout."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
ARCHIVE = BUILD / "model-store" / "portrait.mar"
SAMPLE = ROOT / "docs" / "astronaut.jpg"
REQUIREMENTS_JAVA = ROOT / "requirements" / "java.txt"

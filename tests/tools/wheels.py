"""A wheel of this project, and environments that hold it with what it asks for and nothing else."""

import subprocess
import sys
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement


@dataclass(frozen=True)
class Environment:
    """A virtual environment with the wheel in it."""

    folder: Path

    def run(self, *command: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
        """Run a command of this environment, by its name, in the folder `cwd`."""
        name, *arguments = command
        program = str(self.folder / "bin" / name)
        return subprocess.run(
            [program, *arguments], cwd=cwd, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, timeout=300
        )


def build_wheel(source: Path, output: Path) -> Path:
    """Return what `python -m build` makes of the project in `source`, with the setuptools of this environment."""
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(output), str(source)]
    subprocess.run(command, cwd=output, check=True, capture_output=True)
    (wheel,) = output.glob("*.whl")
    return wheel


def install(wheel: Path, folder: Path, *extras: str) -> Environment:
    """Install `wheel` as pip does; what its metadata asks for is linked from this environment, so no index is asked."""
    venv.create(folder, with_pip=False, symlinks=True)
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install", "-q"]
    subprocess.run([*pip, "--no-index", "--no-deps", str(wheel)], check=True)
    (site,) = folder.glob("lib/python3*/site-packages")
    (metadata,) = site.glob("portrait_client-*.dist-info")
    for needed in _closure(Distribution.at(metadata), {"", *extras}, set()):
        _link(needed, site)
    return Environment(folder)


def requirements_of(package: Distribution, extras: set[str]) -> list[Requirement]:
    """Return what a package asks for here with `extras`, of which "" stands for none."""
    asked = [Requirement(line) for line in package.requires or ()]
    return [one for one in asked if not one.marker or any(one.marker.evaluate({"extra": extra}) for extra in extras)]


def _closure(package: Distribution, extras: set[str], seen: set[str]) -> Iterator[Distribution]:
    """All that a package needs, to the bottom, each once."""
    for requirement in requirements_of(package, extras):
        if requirement.name not in seen:
            seen.add(requirement.name)
            needed = distribution(requirement.name)
            yield needed
            yield from _closure(needed, {"", *requirement.extras}, seen)


def _link(package: Distribution, site: Path) -> None:
    """Make the files and folders of an installed package appear in `site`."""
    for top in {file.parts[0] for file in package.files or () if file.parts[0] != ".."}:
        if not (site / top).exists():
            (site / top).symlink_to(Path(str(package.locate_file(top))))

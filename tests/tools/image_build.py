"""Builds the image without a Docker daemon: buildah on a base that debootstrap makes. Needs root and Debian."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.serving.paths import BUILD, ROOT

BASE = "localhost/portrait-base"
IMAGE = "localhost/portrait"
SUITE = "bookworm"
# Where the build finds what pip on this machine is set up with.
PIP_FILES = "/run/pip"


@dataclass(frozen=True)
class Store:
    """Images and containers in a folder of their own, apart from others on this machine."""

    folder: Path
    driver: str

    def buildah(self, *arguments: str) -> str:
        """Return standard output of a buildah command; its complaints go to the terminal."""
        store = ["--root", str(self.folder / "storage"), "--runroot", str(self.folder / "run")]
        command = ["buildah", *store, "--storage-driver", self.driver, *arguments]
        return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

    def has(self, image: str) -> bool:
        """Whether the image was made before."""
        return bool(self.buildah("images", "--quiet", "--filter", f"reference={image}"))

    def config(self, image: str) -> dict[str, Any]:
        """User, Env, Entrypoint, Volumes, Healthcheck and so on of an image."""
        config: dict[str, Any] = json.loads(self.buildah("inspect", "--type", "image", image))["Docker"]["config"]
        return config

    def size(self, image: str) -> int:
        """Bytes of all its layers, uncompressed."""
        mounted = Path(self.buildah("mount", self.buildah("from", "--pull-never", image)))
        told = subprocess.run(["du", "-sxB1", str(mounted)], check=True, stdout=subprocess.PIPE, text=True).stdout
        return int(told.split()[0])


def open_store() -> Store:
    """Return the store in build/image; overlay where the kernel allows it, else plain copies."""
    folder = BUILD / "image"
    folder.mkdir(parents=True, exist_ok=True)
    probe = ["buildah", "--root", str(folder / "storage"), "--runroot", str(folder / "run")]
    works = subprocess.run([*probe, "--storage-driver", "overlay", "info"], capture_output=True).returncode == 0
    return Store(folder, "overlay" if works else "vfs")


def make_base(store: Store) -> None:
    """Make a minimal Debian as an image, unless it is there."""
    if store.has(BASE):
        return
    with tempfile.TemporaryDirectory(dir=store.folder) as folder:
        subprocess.run(["debootstrap", "--variant=minbase", SUITE, folder], check=True, stdout=sys.stderr)
        _use_this_machines_apt(Path(folder))
        shutil.rmtree(Path(folder, "var/cache/apt/archives"))
        container = store.buildah("from", "scratch")
        # By way of tar: buildah's own copy would follow what the current machine's links point at.
        archive = store.folder / "base.tar"
        subprocess.run(["tar", "-C", folder, "-cf", str(archive), "."], check=True)
        store.buildah("add", container, str(archive), "/")
        store.buildah("config", "--cmd", "bash", container)
        store.buildah("commit", "--rm", container, BASE)
        archive.unlink()


def _use_this_machines_apt(base: Path) -> None:
    """Its Debian sources, security updates among them, and whether old lists are taken."""
    (base / "etc/apt/sources.list").unlink()
    for sources in ("sources.list", "sources.list.d/debian.sources"):
        if Path("/etc/apt", sources).is_file():
            shutil.copy(Path("/etc/apt", sources), base / "etc/apt" / sources)
    settings = subprocess.run(["apt-config", "dump"], check=True, stdout=subprocess.PIPE, text=True).stdout
    checks = [line for line in settings.splitlines() if line.startswith("Acquire::Check-")]
    (base / "etc/apt/apt.conf.d/90machine").write_text("\n".join(checks) + "\n")


def build(store: Store, weights: str) -> None:
    """Build the Dockerfile as it stands, with the weights that are given."""
    mounts = [f"--volume={volume}" for volume in _pip_volumes(store.folder / "pip")]
    given = [f"--build-arg={argument}" for argument in (f"BASE={BASE}", f"WEIGHTS={weights}")]
    # Without overlays, every layer that is kept is a whole copy.
    layers = f"--layers={str(store.driver == 'overlay').lower()}"
    # Of the formats, only Docker's has room for a health check.
    options = ["--isolation", "chroot", "--format", "docker", "--pull-never", layers, "--tag", IMAGE]
    print(store.buildah("bud", *options, *given, *mounts, "."), file=sys.stderr)


def _pip_volumes(folder: Path) -> Iterator[str]:
    """Make pip inside the build see the indexes, files and folders that pip on this machine sees."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    listed = subprocess.run([sys.executable, "-m", "pip", "config", "list"], check=True, capture_output=True, text=True)
    settings = dict(re.findall(r"^(?:global|:env:)\.([\w-]+)='(.*)'$", listed.stdout, flags=re.MULTILINE))
    for name, value in settings.items():
        for path in map(Path, re.findall(r"(?:^|\s)(?:file://)?(/\S+)", value)):
            if path.is_file():
                shutil.copy(path, folder / name)
                settings[name] = f"{PIP_FILES}/{name}"
            elif path.is_dir():
                yield f"{path}:{path}:ro"
                # An index of packages refers to files beside it.
                if path.name == "simple":
                    yield f"{path.parent}:{path.parent}:ro"
    lines = [f"{name} = {value}" for name, value in settings.items()]
    (folder / "pip.conf").write_text("\n".join(["[global]", *lines]) + "\n")
    yield f"{folder}:{PIP_FILES}:ro"
    yield f"{folder / 'pip.conf'}:/etc/pip.conf:ro"

"""The wheel: the client alone, used as after `pip install` on a machine that has nothing else of this project."""

import re
import shutil
import zipfile
from email import message_from_string
from email.message import Message
from importlib.metadata import Distribution
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from PIL import Image

from portrait_client import __version__
from scripts.serving.paths import ROOT, SAMPLE
from scripts.serving.settings import VERSION
from tests.tools.serving import Server
from tests.tools.wheels import Environment, build_wheel, install

PINS = re.findall(
    r"^([\w-]+)==([\w.]+)", "\n".join(path.read_text() for path in sorted((ROOT / "requirements").glob("*.in"))), re.M
)


@pytest.fixture(scope="module")
def wheel(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a copy of the project, in which an earlier build left something, with an archive."""
    copy, output = tmp_path_factory.mktemp("source") / "portrait", tmp_path_factory.mktemp("dist")
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "build", "shared", "__pycache__", "*.egg-info"))
    shutil.copytree(ROOT / "handler", copy / "build" / "lib" / "handler")
    shutil.copy(archive, copy / "portrait_client" / "portrait.mar")
    return build_wheel(copy, output)


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as entries:
        (name,) = (name for name in entries.namelist() if name.endswith(".dist-info/METADATA"))
        return message_from_string(entries.read(name).decode())


@pytest.fixture(scope="module")
def plain(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Without extras."""
    return install(wheel, tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def full(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """With all extras."""
    return install(wheel, tmp_path_factory.mktemp("full"), "grpc", "local")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Return a folder with a photo, and a module that bears the name of the archive's handler."""
    shutil.copy(SAMPLE, tmp_path / "photo.jpg")
    (tmp_path / "handler.py").write_text("raise RuntimeError('the wrong handler')\n")
    return tmp_path


def test_the_wheel_holds_the_client_and_the_archive_that_it_was_built_with(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as entries:
        names = [name for name in entries.namelist() if ".dist-info/" not in name]
    sources = [path.name for path in (ROOT / "portrait_client").glob("*.py")]
    assert sorted(names) == sorted(f"portrait_client/{name}" for name in (*sources, "py.typed", "portrait.mar"))


def test_the_wheel_says_what_it_is(metadata: Message) -> None:
    told = {name: metadata[name] for name in ("Name", "Version", "License-Expression", "Requires-Python")}
    assert list(told.values()) == ["portrait-client", __version__, "Apache-2.0", ">=3.10"]
    assert metadata.get_all("Provides-Extra") == ["grpc", "local"]
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload() == (ROOT / "README.md").read_text()


def test_what_the_wheel_asks_for_is_what_is_pinned_and_tested(metadata: Message) -> None:
    for line in metadata.get_all("Requires-Dist", []):
        asked = Requirement(line)
        pins = [version for name, version in PINS if canonicalize_name(name) == canonicalize_name(asked.name)]
        assert pins, line
        assert all(version in asked.specifier for version in pins), line


def test_there_is_one_version() -> None:
    base = ROOT / "deploy" / "kubernetes" / "base"
    assert __version__.startswith(f"{VERSION}.")  # the model's, in its URL
    assert f'org.opencontainers.image.version="{__version__}"' in (ROOT / "Dockerfile").read_text()
    (image,) = yaml.safe_load((base / "kustomization.yaml").read_text())["images"]
    assert image["newTag"] == __version__
    assert f"image: portrait:{__version__}\n" in (base / "deployment.yaml").read_text()


def test_the_command_tells_its_version_and_its_use(plain: Environment, elsewhere: Path) -> None:
    assert plain.run("portrait", "--version", cwd=elsewhere).stdout == f"portrait {__version__}\n"
    told = plain.run("portrait", "--help", cwd=elsewhere)
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.startswith("usage: portrait [-h]")
    assert plain.run("python", "-m", "portrait_client", "--help", cwd=elsewhere).stdout == told.stdout


def test_the_command_draws_by_a_server(plain: Environment, elsewhere: Path, server: Server) -> None:
    done = plain.run("portrait", "photo.jpg", "--size", "96", "--server", server.rest, cwd=elsewhere)
    assert (done.returncode, done.stdout, done.stderr) == (0, "photo-draw.png\n", "")
    with Image.open(elsewhere / "photo-draw.png") as picture:
        assert max(picture.size) == 96


def test_the_command_draws_alone_as_the_server_does(full: Environment, elsewhere: Path, server: Server) -> None:
    sources = {"rest": ("--server", server.rest), "local": ("--local",)}
    for name, way in sources.items():
        done = full.run("portrait", "photo.jpg", "--size", "96", "--out", name, *way, cwd=elsewhere)
        assert (done.returncode, done.stderr) == (0, "")
    by_server, alone = ((elsewhere / name / "photo-draw.png").read_bytes() for name in sources)
    assert by_server == alone


def test_the_command_draws_over_grpc(full: Environment, elsewhere: Path, server: Server) -> None:
    address = f"127.0.0.1:{server.run.ports.grpc}"
    done = full.run("portrait", "photo.jpg", "--size", "96", "--grpc", "--server", address, cwd=elsewhere)
    assert (done.returncode, done.stdout, done.stderr) == (0, "photo-draw.png\n", "")


def test_without_grpc_one_line_says_what_to_install(plain: Environment, elsewhere: Path) -> None:
    line = "gRPC needs grpc: pip install 'portrait-client[grpc]', or '.[grpc]' in a clone"
    done = plain.run("portrait", "photo.jpg", "--grpc", cwd=elsewhere)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"{line}\n")
    imported = plain.run("python", "-c", "from portrait_client import GrpcPortraitClient", cwd=elsewhere)
    assert imported.stderr.splitlines()[-1] == f"ModuleNotFoundError: {line}"
    assert plain.run("python", "-c", "from portrait_client import *", cwd=elsewhere).returncode == 0


def test_without_torch_one_line_says_what_to_install(plain: Environment, elsewhere: Path, archive: Path) -> None:
    done = plain.run("portrait", "photo.jpg", "--local", "--archive", str(archive), cwd=elsewhere)
    line = f"{archive} needs yaml: pip install 'portrait-client[local]', or '.[local]' in a clone\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", line)


def test_the_installed_package_is_typed(plain: Environment) -> None:
    (site,) = plain.folder.glob("lib/python3*/site-packages")
    (metadata,) = site.glob("portrait_client-*.dist-info")
    assert "portrait_client/py.typed" in [str(file) for file in Distribution.at(metadata).files or ()]

"""Everything that pip installs is held to hashes, and each compiled file is of its inputs."""

import hashlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts import lock
from scripts.lock import REQUIREMENTS, header, inputs_digest
from scripts.serving import bootstrap
from scripts.serving.errors import SetupError
from tests.tools.loopback_index import serving, wheel_of

NAMES = sorted(path.stem for path in REQUIREMENTS.glob("*.in"))


def pins(text: str) -> Iterator[tuple[Requirement, list[str]]]:
    """Each requirement with the hashes that follow it."""
    for entry in re.sub(r"\\\n", " ", text).splitlines():
        line = entry.partition("#")[0].strip()
        if line and not line.startswith("-r "):
            words, *hashes = line.split("--hash=")
            yield Requirement(words), [found.strip() for found in hashes]


def fits(requirement: Requirement, name: str) -> bool:
    """Whether any Python that `name` is compiled for takes it."""
    oldest = lock.OLDEST_PYTHON.get(name)
    return not (oldest and requirement.marker) or requirement.marker.evaluate({"python_version": oldest})


def compiled(name: str) -> str:
    return (REQUIREMENTS / f"{name}.txt").read_text()


def test_every_list_is_compiled() -> None:
    assert sorted(path.stem for path in REQUIREMENTS.glob("*.txt")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_package_is_at_one_version_with_hashes(name: str) -> None:
    for requirement, hashes in pins(compiled(name)):
        assert re.fullmatch(r"==[\w.]+", str(requirement.specifier)), requirement
        assert hashes, requirement
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", found) for found in hashes), requirement


@pytest.mark.parametrize("name", NAMES)
def test_a_compiled_file_is_of_its_inputs(name: str) -> None:
    assert compiled(name).startswith(header(name)), "compile anew: python -m scripts.lock"
    found = {
        (canonicalize_name(requirement.name), str(requirement.specifier)) for requirement, _ in pins(compiled(name))
    }
    asked = {
        (canonicalize_name(r.name), str(r.specifier)) for r, _ in pins("\n".join(lock.lines_of(name))) if fits(r, name)
    }
    apart = {pair for pair in asked if pair[0] == "torch" and name != "torch"}
    assert asked - apart <= found


@pytest.mark.parametrize("name", NAMES)
def test_no_index_is_named(name: str) -> None:
    assert not re.search(r"://|^--(?!hash)|-index-url|find-links", compiled(name), flags=re.MULTILINE)


def test_what_shares_an_environment_is_of_one_version() -> None:
    everything = [(found.name, str(found.specifier), hashes) for found, hashes in pins(compiled(lock.ALL))]
    for name in {*NAMES} - {*lock.ELSEWHERE, "pip", "tools", "torch"}:
        for requirement, hashes in pins(compiled(name)):
            assert (requirement.name, str(requirement.specifier), hashes) in everything, (name, requirement)


def test_a_digest_follows_what_is_asked_for_and_no_comment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "REQUIREMENTS", tmp_path)
    (tmp_path / "inner.in").write_text("one==1\n")
    digests = []
    for text in ("-r inner.in\ntwo==2\n", "# why\n-r inner.in\n\ntwo==2  # because\n", "-r inner.in\ntwo==3\n"):
        (tmp_path / "outer.in").write_text(text)
        digests.append(inputs_digest("outer"))
    (tmp_path / "inner.in").write_text("one==1.1\n")
    assert digests[0] == digests[1]
    assert len({*digests, inputs_digest("outer")}) == 3


@pytest.fixture
def probe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Return a wheel that is pinned as `probe`."""
    for name, value in {"REQUIREMENTS": tmp_path, "LOG": tmp_path / "log", "ROOT": tmp_path}.items():
        monkeypatch.setattr(bootstrap, name, value)
    monkeypatch.setattr(bootstrap, "PYTHON", Path(sys.executable))
    wheel = wheel_of("probe", "1.0", {"probe.py": b"published = True\n"})
    (tmp_path / "probe.txt").write_text(f"probe==1.0 --hash=sha256:{hashlib.sha256(wheel).hexdigest()}\n")
    return wheel


def test_the_published_file_is_installed(probe: bytes, tmp_path: Path) -> None:
    install(probe, tmp_path)
    assert (tmp_path / "site" / "probe.py").read_bytes() == b"published = True\n"


@pytest.mark.usefixtures("probe")
def test_another_file_of_that_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="HASHES"):
        install(wheel_of("probe", "1.0", {"probe.py": b"published = False\n"}), tmp_path)
    assert not (tmp_path / "site").exists()


def install(wheel: bytes, folder: Path) -> None:
    with serving(folder, "probe", "1.0", wheel) as index:
        bootstrap.pip("--target", str(folder / "site"), "--index-url", index, *bootstrap.hashed("probe"))

"""The bill of materials is CycloneDX and whole; the audit tells apart what is clean and what could not be asked."""

import hashlib
import json
import re
import zipfile
from importlib.metadata import PackageNotFoundError, distribution, distributions
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from scripts import audit, sbom
from scripts.serving.paths import ROOT


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("archive") / "portrait.mar"
    with zipfile.ZipFile(path, "w") as entries:
        entries.writestr("handler.py", "pass\n")
    return path


def test_the_bill_fits_the_schema_and_names_everything(archive: Path, tmp_path: Path) -> None:
    assert sbom.main(["--archive", str(archive), "--output", str(tmp_path / "bill.json")]) == 0
    text = (tmp_path / "bill.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    *packages, packed = json.loads(text)["components"]
    installed = {(re.sub(r"[-_.]+", "-", found.name).lower(), found.version) for found in distributions()}
    assert {(package["name"], package["version"]) for package in packages} == installed
    assert packed["hashes"][0]["content"] == hashlib.sha256(archive.read_bytes()).hexdigest()
    assert packed["components"][0]["hashes"][0]["content"] == hashlib.sha256(b"pass\n").hexdigest()


def test_the_bill_does_without_an_archive(tmp_path: Path) -> None:
    assert {component["type"] for component in sbom.bill(tmp_path / "none.mar")["components"]} == {"library"}


# How NOTICE writes what older metadata calls by other names.
SPDX = {
    "MIT License": "MIT",
    "BSD License": "BSD-3-Clause",
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache Software License": "Apache-2.0",
    "Apache License Version 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0",
}


def listed(name: str) -> set[str]:
    """Return the packages of a list that Linux installs."""
    lines = (ROOT / "requirements" / f"{name}.txt").read_text().splitlines()
    elsewhere = ("sys_platform == 'win32'", "and sys_platform == 'emscripten'")
    return {line.split("==")[0] for line in lines if re.match(r"[a-z]", line) and not any(e in line for e in elsewhere)}


@pytest.mark.parametrize("name", sorted(listed("server")))
def test_notice_names_what_is_installed_with_the_licence_that_it_tells(name: str) -> None:
    (line,) = re.findall(rf"^  {re.escape(name)} +(.+)$", (ROOT / "NOTICE").read_text(), re.MULTILINE)
    try:
        told = list(sbom.licences(distribution(name)))
    except PackageNotFoundError:
        return  # another Python's
    assert line.startswith(", ".join(SPDX.get(one, one) for one in told).replace(" AND ", ", "))


FAULT = {"id": "PYSEC-2026-1", "fix_versions": ["1.1"]}


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        ({"dependencies": [{"name": "a", "version": "1", "vulns": []}]}, audit.CLEAN, "1 packages looked up, 0 "),
        ({"dependencies": [{"name": "a", "version": "1", "vulns": [FAULT]}]}, audit.VULNERABLE, "PYSEC-2026-1"),
        ({"dependencies": [{"name": "a", "skip_reason": "unknown"}]}, audit.NO_ANSWER, "No answer on 1 packages: a"),
        (None, audit.NO_ANSWER, "No answer: timed out"),
    ],
)
def test_the_audit_tells(answer: object, status: int, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.report(json.dumps(answer) if answer else "", "Traceback\ntimed out\n") == status
    told = capsys.readouterr()
    assert says in told.out + told.err

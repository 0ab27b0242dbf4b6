"""Writes what is installed here, and what the archive holds, as a software bill of materials: CycloneDX 1.6, JSON."""

import argparse
import hashlib
import json
import re
import sys
import uuid
import zipfile
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any
from urllib.parse import quote

from model.files import sha256_of, write_whole
from portrait_client import __version__
from scripts.serving.paths import ARCHIVE

Component = dict[str, Any]


def main(argv: Sequence[str] | None = None) -> int:
    """Status 0 once the bill is written."""
    parser = argparse.ArgumentParser(prog="python -m scripts.sbom", description=__doc__)
    parser.add_argument(
        "--archive", type=Path, default=ARCHIVE, help="left out where it is not there; default: %(default)s"
    )
    parser.add_argument("--output", type=Path, help="default: standard output")
    options = parser.parse_args(argv)
    text = json.dumps(bill(options.archive), indent=2) + "\n"
    if options.output:
        write_whole(options.output, text)
    else:
        print(text, end="")
    return 0


def bill(archive: Path) -> dict[str, Any]:
    """Return the bill of this Python's packages and of `archive`, where it exists."""
    components = {component["bom-ref"]: component for component in map(package, distributions())}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid4()}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "component": {"type": "application", "name": "portrait", "version": __version__},
        },
        "components": [components[ref] for ref in sorted(components)] + ([packed(archive)] if archive.exists() else []),
    }


def package(installed: Distribution) -> Component:
    """Return the component of an installed package, with the licence that its metadata tells."""
    name = re.sub(r"[-_.]+", "-", installed.name).lower()
    where = f"pkg:pypi/{name}@{quote(installed.version)}"
    return {
        "type": "library",
        "bom-ref": where,
        "name": name,
        "version": installed.version,
        "purl": where,
        "licenses": [{"license": {"name": licence}} for licence in licences(installed)],
    }


def licences(installed: Distribution) -> Iterator[str]:
    """Names of licences: the expression (PEP 639), else the classifiers, else the first line of the old field."""
    told = installed.metadata
    classifiers = [line.rpartition(" :: ")[2] for line in told.get_all("Classifier", []) if line.startswith("License")]
    lines = "".join(told.get_all("License", [])).strip().splitlines()
    yield from told.get_all("License-Expression", []) or classifiers or lines[:1]


def packed(archive: Path) -> Component:
    """Return the component of a TorchServe archive, with its entries and their SHA-256."""
    with zipfile.ZipFile(archive) as entries:
        names = sorted(name for name in entries.namelist() if not name.endswith("/"))
        files = [entry(name, entries.read(name)) for name in names]
    return {
        "type": "machine-learning-model",
        "bom-ref": archive.name,
        "name": archive.name,
        "hashes": [{"alg": "SHA-256", "content": sha256_of(archive)}],
        "components": files,
    }


def entry(name: str, content: bytes) -> Component:
    """Return the component of a file in an archive."""
    digest = hashlib.sha256(content).hexdigest()
    return {"type": "file", "bom-ref": f"file:{name}", "name": name, "hashes": [{"alg": "SHA-256", "content": digest}]}


if __name__ == "__main__":
    sys.exit(main())

"""Make the description of the API, for programs and for people, from the table of options:

python -m scripts.docs.make_openapi
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import yaml

from model.files import write_whole
from scripts.docs.html import page
from scripts.docs.openapi import document
from scripts.serving.paths import ROOT

FOLDER = ROOT / "docs"


def texts() -> dict[str, str]:
    """File name -> what the file has to be."""
    described = document()
    return {
        "openapi.yaml": "# Made by python -m scripts.docs.make_openapi; change handler/options.py or scripts/docs.\n"
        + yaml.dump(described, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=110),
        "api.html": page(described),
    }


class _Plain(yaml.SafeDumper):
    """Without anchors, which some readers of OpenAPI lack, and with lines of text as they are."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Plain.add_representer(str, _text)


def main(argv: Sequence[str] | None = None) -> int:
    """Write both files; returns 0."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.docs.make_openapi",
        description="make openapi.yaml and api.html from the table of options",
    )
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where they go (default: docs)")
    folder = parser.parse_args(argv).folder
    for name, text in texts().items():
        write_whole(folder / name, text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

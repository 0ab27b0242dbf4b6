"""docs/architecture.md names every place that a style, a format, an option or a network has in the code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.serving.paths import ROOT

TEXT = (ROOT / "docs" / "architecture.md").read_text()
# What is counted: the rooms that make a drawing or ask for one. Training and pictures of the documents follow by hand.
ROOMS = ("handler", "model", "portrait_client", "web")
LEFT_OUT = ROOT / "model" / "training"
# Recipe -> (one that is there already, texts that stand for it in code)
EXAMPLES = {
    "A style": ("sketch", {"sketch"}),
    "A format": ("webp", {"webp", "image/webp"}),
    "An option": ("background", {"background", "--background"}),
    "A network": ("u2netp", {"u2netp"}),
}


def recipe(heading: str) -> str:
    """Return the text under a heading of the third level."""
    return TEXT.split(f"### {heading}\n")[1].split("\n### ")[0]


def told(heading: str) -> list[str]:
    """Return the files of a recipe's numbered steps."""
    return re.findall(r"^\d+\. `([^`]+)`:", recipe(heading), re.MULTILINE)


def words(path: Path) -> Iterator[str]:
    """Yield what a file says in code: strings and names of fields, arguments and attributes, but no prose."""
    if path.suffix == ".js":
        code = re.sub(r"/\*.*?\*/|//[^\n]*", "", path.read_text(), flags=re.DOTALL)
        yield from (quoted or key for quoted, key in re.findall(r'"([^"\n]*)"|\b(\w+)(?=:)', code))
        return
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)):
                yield text
            case ast.Name(id=name) | ast.arg(arg=name) | ast.Attribute(attr=name) | ast.keyword(arg=str(name)):
                yield name


def places(names: set[str], root: Path = ROOT) -> list[str]:
    """Return the files of ROOMS that say one of `names`."""
    files = [path for room in ROOMS for path in sorted((root / room).rglob("*.*"))]
    counted = [path for path in files if path.suffix in (".py", ".js") and not path.is_relative_to(LEFT_OUT)]
    return [str(path.relative_to(root)) for path in counted if names & set(words(path))]


@pytest.mark.parametrize("heading", EXAMPLES)
def test_a_recipe_names_every_place_and_no_other(heading: str) -> None:
    example, names = EXAMPLES[heading]
    assert f"As `{example}`:" in recipe(heading)
    assert sorted(told(heading)) == sorted(places(names)), "docs/architecture.md, To add something"


def test_one_more_place_is_noticed(tmp_path: Path) -> None:
    for room in ROOMS:
        (tmp_path / room).mkdir()
    (tmp_path / "handler" / "more.py").write_text('"""About sketch and webp."""\n\nSUFFIXES = {"webp": ".webp"}\n')
    assert places({"webp"}, tmp_path) == ["handler/more.py"]
    assert places({"sketch"}, tmp_path) == []


@pytest.mark.parametrize("heading", EXAMPLES)
def test_what_a_step_names_is_in_its_file(heading: str) -> None:
    for path, step in re.findall(r"^\d+\. `([^`]+)`:((?:.|\n(?!\d+\.|\n))*)", recipe(heading), re.MULTILINE):
        for name in re.findall(r"`([A-Za-z_]+)`", step):
            assert re.search(
                rf"^(?:class |def |export const |export function )?{name}\b", (ROOT / path).read_text(), re.MULTILINE
            ), (path, name)


def test_every_room_of_the_project_is_in_the_table() -> None:
    here = {path.parent.name for path in ROOT.glob("*/*.py")} | {"deploy"}
    rows = set(re.findall(r"^\| `(\w+)/` \|", TEXT, re.MULTILINE))
    assert {room for room in here if not room.startswith(".") and room != "build"} == rows

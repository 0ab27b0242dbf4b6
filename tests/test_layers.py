"""Imports run one way: picture code below, TorchServe's class on top, nothing across."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# of the handler package: what a module may know; each may also know what stands above it
LAYERS = (
    {"arrays", "errors", "cores", "module_info"},
    {"mask", "faces", "enlarge", "bombs", "precision"},
    {"styles", "decode", "inference"},
    {"options"},
    {"request", "postprocess", "settings"},
    {"preprocess"},
    {"answer", "describe", "metrics"},
    {"portrait_handler"},
)


def imported(path: Path) -> set[str]:
    """Dotted names of all modules that a file imports, wherever it does."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: relative import"
            names.add(node.module or "")
        elif isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
    return names


def files(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def test_every_module_of_the_handler_has_its_layer() -> None:
    modules = {path.stem for path in files("handler")} - {"__init__"}
    assert modules == set().union(*LAYERS)


@pytest.mark.parametrize("layer", range(len(LAYERS)))
def test_a_module_knows_only_the_layers_above_it_in_the_table(layer: int) -> None:
    allowed = set().union(*LAYERS[:layer])
    for module in LAYERS[layer]:
        names = imported(ROOT / "handler" / f"{module}.py")
        known = {name.split(".")[1] for name in names if name.startswith("handler.")}
        assert known <= allowed, module


def test_a_worker_needs_nothing_outside_its_package() -> None:
    for path in files("handler"):
        tops = {name.split(".")[0] for name in imported(path)}
        assert not tops & {"model", "scripts", "web", "client", "tests"}, path
        assert "ts" not in tops or path.stem in ("portrait_handler", "metrics"), path


def test_the_model_package_knows_of_others_the_handler_alone() -> None:
    others = {"scripts", "portrait_client", "web", "tests"}
    for path in files("model"):
        assert not {name.split(".")[0] for name in imported(path)} & others, path

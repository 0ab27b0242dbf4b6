"""The laws of the house: imports run one way, and nobody imports in a circle.

Rooms and arrows are read from the tree; the laws about them are here. Each is tried on a copy with a bad import.
"""

import ast
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tools.imports import Graph, circle, import_graph, layers, modules, packages, reached, rooms, within

ROOT = Path(__file__).parents[1]
OURS: dict[str, set[str]] = {
    "deploy": {"portrait_client", "scripts"},
    "handler": set(),
    "portrait_client": set(),
    "model": {"handler"},
    "web": set(),
    "scripts": {"handler", "model", "portrait_client"},
    "tests": {"deploy", "handler", "model", "portrait_client", "scripts", "web"},
}
"""Package -> the others of this project that it may import."""

TORCHSERVE = {
    "handler.portrait_handler": "TorchServe's class",
    "handler.metrics": "TorchServe's metrics",
    "scripts.archive.load": "it loads an archive as a worker of TorchServe does",
}
"""Who may import `ts`, beside tests, and why."""

WAY = ("handler.request", "handler.preprocess", "handler.inference", "handler.postprocess")
"""A photo's way through a worker: none knows of those after it."""

MODEL_LAYERS = 4


def imports_run_one_way(graph: Graph) -> list[str]:
    """Check that a package imports of this project what its law names; one without a law is a fault too."""
    faults = []
    for module, names in sorted(graph.items()):
        package = module.partition(".")[0]
        if package not in OURS:
            faults.append(f"{module}: the package {package} has no law here")
            continue
        others = {name for name in names if name.partition(".")[0] in OURS.keys() - {package, *OURS[package]}}
        allowed = ", ".join(sorted(OURS[package])) or "none"
        faults += [f"{module} imports {name}: {package} may import of ours {allowed}" for name in sorted(others)]
    return faults


def torchserve_stays_where_it_is(graph: Graph) -> list[str]:
    """Check that the picture code works without TorchServe."""
    users = {module for module, names in graph.items() if "ts" in names and not module.startswith("tests.")}
    return [f"{module} imports ts, which is for {', '.join(TORCHSERVE)}" for module in sorted(users - set(TORCHSERVE))]


def no_module_is_in_a_circle(graph: Graph) -> list[str]:
    """Neither modules import in a circle, nor the rooms of a package."""
    ours = {module: {name for name in names if name in graph} for module, names in graph.items()}
    found = [circle(ours), *(circle(rooms(graph, package)) for package in OURS)]
    return [f"imports in a circle: {one}" for one in found if one]


def model_has_few_layers(graph: Graph) -> list[str]:
    """Networks and files, weights, what is made of both, export."""
    of_model = rooms(graph, "model")
    if circle(of_model):
        return []  # told by another law
    found = layers(of_model)
    names = " < ".join(", ".join(sorted(layer)) for layer in found)
    return [f"model has {len(found)} layers, not {MODEL_LAYERS}: {names}"] if len(found) > MODEL_LAYERS else []


def a_photo_goes_forward(graph: Graph) -> list[str]:
    """Nothing on a photo's way knows what comes after it, and all of the handler is reached from its entry."""
    faults = []
    for i, module in enumerate(WAY):
        later = reached(graph, module) & set(WAY[i + 1 :])
        faults += [f"{module} knows {name}, which comes after it" for name in sorted(later)]
    unused = within(graph, "handler").keys() - reached(graph, "handler.portrait_handler")
    return faults + [f"{module} is no part of a worker" for module in sorted(unused)]


LAWS: list[Callable[[Graph], list[str]]] = [
    imports_run_one_way,
    torchserve_stays_where_it_is,
    no_module_is_in_a_circle,
    model_has_few_layers,
    a_photo_goes_forward,
]


def faults_in(root: Path) -> list[str]:
    """Return what is against any law in a tree."""
    graph = import_graph(root)
    return [fault for law in LAWS for fault in law(graph)]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_a_law_holds(law: Callable[[Graph], list[str]]) -> None:
    faults = law(import_graph(ROOT))
    assert faults == [], "\n".join(faults)


@pytest.fixture(scope="module")
def known() -> list[str]:
    return faults_in(ROOT)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return the Python files of this tree."""
    for path in modules(ROOT).values():
        target = tmp_path / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "line", "named"),
    [
        ("handler/styles.py", "import model.files", "handler.styles imports model.files: handler may"),
        ("handler/styles.py", "from scripts import serve", "handler.styles imports scripts.serve"),
        ("handler/decode.py", "import ts", "handler.decode imports ts"),
        ("model/export.py", "from ts.context import Context", "model.export imports ts"),
        ("model/export.py", "from scripts.serving import paths", "model.export imports scripts.serving.paths"),
        ("model/export.py", "from web.server import PageServer", "model.export imports web.server"),
        ("model/export.py", "import portrait_client", "model.export imports portrait_client"),
        ("model/export.py", "def f():\n    from tests.tools import sitter", "model.export imports tests.tools"),
        ("portrait_client/retry.py", "import handler.errors", "portrait_client.retry imports handler.errors"),
        ("web/server.py", "from handler.options import Options", "web.server imports handler.options"),
        ("web/server.py", "import scripts", "web.server imports scripts: web may import of ours none"),
        ("scripts/serve.py", "import web.server", "scripts.serve imports web.server"),
        ("scripts/serve.py", "from tests.tools.sitter import photo", "scripts.serve imports tests.tools"),
        ("lone/__init__.py", "import handler", "lone: the package lone has no law here"),
        ("handler/errors.py", "from handler.decode import decode", "imports in a circle: handler."),
        ("model/network/line_model.py", "import model.weights.stall", "imports in a circle: model."),
        ("scripts/serving/errors.py", "import scripts.bench.isa", "imports in a circle: scripts."),
        ("model/bench.py", "import model.export", "model has 5 layers, not 4"),
        ("handler/options.py", "import handler.inference", "handler.request knows handler.inference"),
        ("handler/lone.py", "import json", "handler.lone is no part of a worker"),
    ],
)  # fmt: skip
def test_a_bad_import_is_named(copy: Path, known: list[str], file: str, line: str, named: str) -> None:
    path = copy / file
    path.parent.mkdir(exist_ok=True)
    path.write_text((path.read_text() if path.exists() else "") + f"\n{line}\n")
    faults = [fault for fault in faults_in(copy) if fault not in known]
    assert any(fault.startswith(named) for fault in faults), faults


def test_a_relative_import_is_named(copy: Path) -> None:
    with (copy / "scripts" / "serve.py").open("a") as file:
        file.write("\nfrom . import benchmark\n")
    with pytest.raises(ValueError, match=r"serve\.py: a relative import"):
        import_graph(copy)


def test_every_package_has_a_law_and_every_room_says_its_own() -> None:
    assert packages(ROOT) == OURS.keys()
    folders = {path.parent for path in modules(ROOT).values()}
    silent = [str(folder.relative_to(ROOT)) for folder in folders if not says_what_it_is(folder)]
    assert silent == []


def says_what_it_is(folder: Path) -> bool:
    start = folder / "__init__.py"
    return start.exists() and bool(ast.get_docstring(ast.parse(start.read_text())))

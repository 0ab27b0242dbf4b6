"""Who imports whom: the modules of a tree and the arrows between them, read from its files."""

import ast
from collections.abc import Mapping, Set
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

Graph = Mapping[str, Set[str]]
"""Module or room -> what it imports, wherever in its code; what is not of the tree by its top name alone."""


def packages(root: Path) -> set[str]:
    """Return the folders of a tree that hold Python files, at its top: handler, model, ..."""
    return {path.parent.name for path in root.glob("*/*.py") if not path.parent.name.startswith(".")}


def modules(root: Path) -> dict[str, Path]:
    """Dotted name -> file, packages by the names of their folders."""
    files = [path for package in packages(root) for path in (root / package).rglob("*.py")]
    return {".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path for path in files}


def import_graph(root: Path) -> dict[str, set[str]]:
    """Every module of a tree with all that it imports. Raises `ValueError` that names a relative import."""
    known = modules(root)
    folders = {name.rpartition(".")[0] for name in known} | known.keys()
    return {module: {_resolved(name, folders) for name in _names(path)} for module, path in known.items()}


def _names(path: Path) -> set[str]:
    """Dotted names of all that a file imports, objects of modules among them."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"{path}: a relative import in line {node.lineno}")
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def _resolved(name: str, known: Set[str]) -> str:
    """Return the module of the tree that a dotted name lies in, or the top name of a library."""
    inner = name
    while inner and inner not in known:
        inner = inner.rpartition(".")[0]
    return inner or name.partition(".")[0]


def reached(graph: Graph, start: str) -> set[str]:
    """All that a module imports, and what that imports, and so on, itself included."""
    found: set[str] = set()
    waiting = {start}
    while waiting:
        module = waiting.pop()
        found.add(module)
        waiting |= graph.get(module, set()) - found
    return found


def within(graph: Graph, package: str) -> dict[str, set[str]]:
    """Return the arrows between the modules of one package, less its own `__init__`."""
    inside = {module for module in graph if module.startswith(f"{package}.")}
    return {module: set(graph[module] & inside) for module in inside}


def rooms(graph: Graph, package: str) -> dict[str, set[str]]:
    """Return the arrows between the folders and single files right under a package."""
    found: dict[str, set[str]] = {}
    for module, names in within(graph, package).items():
        found.setdefault(_room(module), set()).update(_room(name) for name in names)
    return {room: names - {room} for room, names in found.items()}


def _room(module: str) -> str:
    return ".".join(module.split(".")[:2])


def circle(graph: Graph) -> str | None:
    """Return `a -> b -> a` where there is one, else None."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return " -> ".join(reversed(error.args[1]))
    return None


def layers(graph: Graph) -> list[set[str]]:
    """Those that import none of the graph, then those that import these alone, and so on. Without circles."""
    height: dict[str, int] = {}
    for module in TopologicalSorter(graph).static_order():
        height[module] = max((height[name] + 1 for name in graph.get(module, ())), default=0)
    return [{m for m, h in height.items() if h == level} for level in range(max(height.values(), default=-1) + 1)]

"""The documentation's code blocks, and a place to run them in as a reader would.

A block of a language in `RUN` is run unless the line before it says `<!-- not run: reason -->`. For the test's sake
only this differs from what a reader does: ports are moved by one offset (8080 and its neighbours, 7070, 7071),
`serve.sh` is told that offset and stays in the background (so a line calls it once), and the hub is not asked. The
reader stands in a clone of the project, beside a `photo.jpg` and a folder `photos` with two.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from scripts.serving.paths import BUILD, ROOT, SAMPLE

RUN = {
    "bash": ("bash", "-euo", "pipefail", "-c"),
    "python": (sys.executable, "-c"),
    "javascript": ("node", "--input-type=module", "--eval"),
    "php": ("php", "-d", "error_reporting=-1", "-r"),
}
SHOWN = ("json", "text", "yaml", "properties", "nginx", "html")
# What a machine may lack, with what brings it.
OPTIONAL = {
    "promtool": "bash tests/tools/fetch_prometheus.sh",
    "node": "apt-get install -y nodejs",
    "php": "apt-get install -y php-cli php-curl",
}

_BLOCK = re.compile(
    r"(?:^<!-- not run: (?P<reason>[^\n]+) -->\n)?^```(?P<language>\w*)\n(?P<code>.*?)^```$", re.M | re.S
)
_PORT = re.compile(r"(?<=:)(808[0-2]|707[01])\b")
_SERVE = re.compile(r"\bscripts/serve\.sh\b(?!.*(--stop|--help))")
_SERVE_IN_FRONT = re.compile(_SERVE.pattern + r"(?!.*--background)")
_TIMEOUT = 600  # a machine with other work takes minutes to build an archive
_LEFT_BEHIND = shutil.ignore_patterns(".*", "build", "__pycache__", "*.egg-info")


class Block(NamedTuple):
    """A fenced block of a document."""

    document: str  # its path in the project
    line: int
    language: str
    code: str
    reason: str | None  # why it is not run


def documents() -> list[Path]:
    """README.md and its neighbours, and docs/*.md."""
    top = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
    return [*(ROOT / name for name in top), *sorted((ROOT / "docs").glob("*.md"))]


def blocks() -> list[Block]:
    """Those of all documents, in reading order."""
    return [block for path in documents() for block in blocks_of(path.read_text(), str(path.relative_to(ROOT)))]


def blocks_of(text: str, document: str) -> list[Block]:
    """Return the blocks of one document's text."""
    return [
        Block(document, text.count("\n", 0, match.start("code")), match["language"], match["code"], match["reason"])
        for match in _BLOCK.finditer(text)
    ]


def starts_a_server(document: str) -> bool:
    """Whether the document brings its own server up; otherwise one is there already."""
    return any(block.reason is None and _SERVE.search(block.code) for block in blocks() if block.document == document)


_ROOMS = "handler|model|portrait_client|scripts|tests|web|deploy|docs|requirements"
_NAMED = re.compile(rf"`((?:{_ROOMS})/[\w./-]+)`|\bpytest (tests/[\w./-]+)|python -m ((?:{_ROOMS})[\w.]*\w)")


def _mentioned(text: str) -> set[str]:
    """Files that a text names in backticks or after pytest, and modules after `python -m` as paths without a suffix."""
    return {path or test or module.replace(".", "/") for path, test, module in _NAMED.findall(text)}


def absent(document: Path) -> list[str]:
    """Files and modules of the project that a document names and that there are not."""
    named = sorted(_mentioned(document.read_text()))
    return [name for name in named if not (ROOT / name).exists() and not (ROOT / f"{name}.py").is_file()]


def broken_links(document: Path) -> list[str]:
    """Links of a document to files or headings of the project that there are not."""
    links = re.findall(r"\]\((?!https?:)([^)\s]+)\)", document.read_text())
    return [link for link in links if not _leads_somewhere(document, *link.partition("#")[::2])]


def _leads_somewhere(document: Path, name: str, heading: str) -> bool:
    target = document.parent / name if name else document
    return target.exists() and (not heading or heading in _anchors(target.read_text()))


def _anchors(text: str) -> set[str]:
    """GitHub's names of headings."""
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def missing(block: Block) -> str | None:
    """Return the first optional program that the block needs and this machine lacks."""
    words = {*re.findall(r"\w+", block.code), RUN[block.language][0]}
    return next((name for name in OPTIONAL if name in words and not shutil.which(name, path=_path())), None)


class Reader:
    """Runs blocks one after another in a clone of the project; the next reader of a `folder` goes on in the same."""

    def __init__(self, folder: Path, offset: int) -> None:
        self.clone = folder / "portrait"
        self._offset = offset
        if not self.clone.exists():
            self._set_up()

    def _set_up(self) -> None:
        shutil.copytree(ROOT, self.clone, ignore=_LEFT_BEHIND)
        (self.clone / ".venv").symlink_to(Path(sys.prefix))
        (self.clone / "photos").mkdir()
        for name in ("photo.jpg", "photos/one.jpg", "photos/two.jpg"):
            shutil.copy(SAMPLE, self.clone / name)

    def run(self, block: Block) -> "subprocess.CompletedProcess[str]":
        """Return the block as a reader would run it, standing in the clone."""
        code = self.moved(block.code)
        environment = os.environ | {"PATH": _path(), "HF_HUB_OFFLINE": "1"}
        environment.pop("PYTHONPATH", None)
        command = [*RUN[block.language], code]
        return subprocess.run(
            command, cwd=self.clone, env=environment, capture_output=True, text=True, timeout=_TIMEOUT
        )

    def moved(self, code: str) -> str:
        """Return the code with this reader's ports, and servers in the background."""
        code = _PORT.sub(lambda match: str(int(match[0]) + self._offset), code)
        code = _SERVE_IN_FRONT.sub("scripts/serve.sh --background", code)
        code = code.replace("scripts/serve.sh", f"scripts/serve.sh --port-offset {self._offset}")
        return code.replace("build/serve/8080", f"build/serve/{8080 + self._offset}")

    def leave(self) -> None:
        """Stop what a block may have started."""
        stop = ["bash", "scripts/serve.sh", "--stop", "--port-offset", str(self._offset)]
        subprocess.run(stop, cwd=self.clone, check=True, capture_output=True)


def _path() -> str:
    ours = (Path(sys.prefix) / "bin", BUILD / "prometheus" / "usr" / "bin")
    return ":".join([*map(str, ours), os.environ.get("PATH", os.defpath)])

"""Every command and every snippet of the documentation works as it stands there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.serving.paths import ROOT
from scripts.serving.settings import Ports
from tests.tools.documents import (
    OPTIONAL,
    RUN,
    SHOWN,
    Block,
    Reader,
    absent,
    blocks,
    blocks_of,
    broken_links,
    documents,
    missing,
    starts_a_server,
)
from tests.tools.serving import Server, free_ports

BLOCKS = blocks()
TO_RUN = [block for block in BLOCKS if block.language in RUN and block.reason is None]


class Readers:
    """One after another in one clone, with the session's server unless the document at hand starts its own."""

    def __init__(self, server: Server, folder: Path) -> None:
        self._server = server
        self._folder = folder
        self._document = ""
        self._reader: Reader | None = None

    def of(self, document: str) -> Reader:
        if self._reader is None or document != self._document:
            self.leave()
            ports = free_ports() if starts_a_server(document) else self._server.run.ports
            self._document, self._reader = document, Reader(self._folder, ports.rest - Ports.rest)
        return self._reader

    def leave(self) -> None:
        if self._reader and starts_a_server(self._document):
            self._reader.leave()


@pytest.fixture(scope="module")
def readers(tmp_path_factory: pytest.TempPathFactory, server: Server) -> Iterator[Readers]:
    readers = Readers(server, tmp_path_factory.mktemp("reader"))
    yield readers
    readers.leave()


@pytest.mark.parametrize("block", TO_RUN, ids=[f"{block.document}:{block.line}" for block in TO_RUN])
def test_a_block_does_what_it_says(readers: Readers, block: Block) -> None:
    lacking = missing(block)
    if lacking:
        pytest.skip(f"{lacking} is not here; get it with: {OPTIONAL[lacking]}")
    done = readers.of(block.document).run(block)
    assert done.returncode == 0, f"{block.code}\n{done.stdout}\n{done.stderr}"


def test_every_block_names_a_language_that_is_run_or_only_shown() -> None:
    assert [block for block in BLOCKS if block.language not in (*RUN, *SHOWN)] == []


def test_a_mark_keeps_a_block_from_being_run_and_another_does_not() -> None:
    text = "<!-- not run: it never ends -->\n```bash\nsleep inf\n```\n<!-- a remark -->\n```bash\ntrue\n```\n"
    assert [(block.line, block.reason) for block in blocks_of(text, "a.md")] == [(2, "it never ends"), (6, None)]


def test_a_command_that_fails_within_a_block_is_noticed(tmp_path: Path) -> None:
    reader = Reader(tmp_path, 0)
    for code in ("false; true", "false | true", "echo $nowhere"):
        assert reader.run(Block("a.md", 1, "bash", code, None)).returncode != 0


def test_ports_move_and_servers_go_to_the_background(tmp_path: Path) -> None:
    code = """bash scripts/serve.sh --tokens
curl 127.0.0.1:8081/models  # of 8080 px
bash scripts/serve.sh --stop
"""
    assert (
        Reader(tmp_path, 500).moved(code)
        == """bash scripts/serve.sh --port-offset 500 --background --tokens
curl 127.0.0.1:8581/models  # of 8080 px
bash scripts/serve.sh --port-offset 500 --stop
"""
    )


# Beside the documents whose commands are run here, those that are tried out elsewhere.
OTHERS = [path for name in ("deploy", "model", "tests") for path in sorted((ROOT / name).rglob("*.md"))]


@pytest.mark.parametrize("document", [*documents(), *OTHERS], ids=lambda path: str(path.relative_to(ROOT)))
def test_links_within_the_project_lead_somewhere(document: Path) -> None:
    assert broken_links(document) == []


@pytest.mark.parametrize("document", [*documents(), *OTHERS], ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_commands_of_the_project_that_are_named_are_there(document: Path) -> None:
    assert absent(document) == []


def test_a_link_that_leads_nowhere_is_noticed(tmp_path: Path) -> None:
    document = tmp_path / "a.md"
    document.write_text(
        "# Its heading, here\n[a](#its-heading-here) [b](#none) [c](none.md) [d](a.md) [e](https://x.y/)\n"
    )
    assert broken_links(document) == ["#none", "none.md"]


def test_a_file_or_command_that_is_not_there_is_noticed(tmp_path: Path) -> None:
    document = tmp_path / "a.md"
    document.write_text("`handler/styles.py` `handler/none.py` python -m scripts.serve; python -m scripts.rooms.none\n")
    assert absent(document) == ["handler/none.py", "scripts/rooms/none"]

import ast
import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from model.files import move_into_place, sha256_of, whole, write_whole

ROOT = Path(__file__).parents[1]
OLD = b"the old file"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a file that is there already, alone in its folder."""
    path = tmp_path / "record.json"
    path.write_bytes(OLD)
    return path


def python(code: str, *arguments: object) -> "subprocess.Popen[str]":
    """Another process that runs `code` in the checkout."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)


def alone(path: Path) -> bool:
    return list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(("content", "expected"), [("Grüße\n", "Grüße\n".encode()), (b"\0\xff", b"\0\xff"), ("", b"")])
def test_what_is_written_replaces_what_was_there(path: Path, content: str | bytes, expected: bytes) -> None:
    write_whole(path, content)
    assert path.read_bytes() == expected
    assert alone(path)


def test_an_error_in_the_block_leaves_the_old_file_and_nothing_beside_it(path: Path) -> None:
    with pytest.raises(ValueError, match="damaged"), whole(path) as unfinished:
        unfinished.write_bytes(b"half of")
        raise ValueError("damaged")
    assert path.read_bytes() == OLD
    assert alone(path)


def test_an_interrupt_leaves_the_old_file_and_nothing_beside_it(path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), whole(path) as unfinished:
        unfinished.write_bytes(b"half of")
        raise KeyboardInterrupt
    assert path.read_bytes() == OLD
    assert alone(path)


def test_a_full_disk_leaves_the_old_file_and_nothing_beside_it(path: Path) -> None:
    code = (
        "import resource, sys; from pathlib import Path; from model.files import write_whole\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "write_whole(Path(sys.argv[1]), bytes(1_000_000))"
    )
    process = python(code, path)
    assert "OSError" in process.communicate()[1]
    assert path.read_bytes() == OLD
    assert alone(path)


def test_a_killed_writer_leaves_the_old_file(path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from model.files import whole\n"
        "with whole(Path(sys.argv[1])) as unfinished: unfinished.write_bytes(b'half of'); time.sleep(60)"
    )
    process = python(code, path)
    while not any(other.stat().st_size for other in path.parent.iterdir() if other != path):
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert path.read_bytes() == OLD


def test_readers_beside_several_writers_see_one_whole_file_or_another(path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from model.files import write_whole\n"
        "for _ in range(60): write_whole(Path(sys.argv[1]), sys.argv[2].encode() * 300_000)"
    )
    writers = [python(code, path, letter) for letter in "abc"]
    seen: set[bytes] = set()
    while any(writer.poll() is None for writer in writers):
        content = path.read_bytes()
        assert content == OLD or (len(content), len(set(content))) == (300_000, 1)
        seen.add(content[:1])
    assert [writer.communicate()[1] for writer in writers] == [""] * 3
    assert len(seen) > 1
    assert alone(path)


def test_a_new_file_has_the_permissions_that_the_process_gives(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from model.files import write_whole\n"
        "os.umask(int(sys.argv[2], 8)); write_whole(Path(sys.argv[1]), 'x')"
    )
    for mask, mode in (("022", 0o644), ("077", 0o600)):
        assert python(code, tmp_path / mask, mask).communicate()[1] == ""
        assert (tmp_path / mask).stat().st_mode & 0o777 == mode


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444])
def test_a_file_keeps_its_permissions(path: Path, mode: int) -> None:
    path.chmod(mode)
    write_whole(path, "anew")
    assert path.stat().st_mode & 0o777 == mode


def test_the_unfinished_file_is_hidden_and_has_the_suffix_that_libraries_go_by(path: Path) -> None:
    with whole(path) as unfinished:
        assert unfinished.suffix == path.suffix
        assert unfinished.name.startswith(".")
        assert unfinished.parent == path.parent


def test_a_folder_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "none" / "a.json", "x")


def test_a_finished_file_takes_the_place_of_another(path: Path) -> None:
    finished = path.with_name("finished")
    finished.write_bytes(b"new")
    move_into_place(finished, path)
    assert path.read_bytes() == b"new"
    assert alone(path)


@pytest.mark.parametrize("size", [0, 1, (1 << 20) + 1])
def test_sha256_of_is_that_of_all_bytes(tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    (tmp_path / "data").write_bytes(data)
    assert sha256_of(tmp_path / "data") == hashlib.sha256(data).hexdigest()


def test_it_runs_on_a_bare_python() -> None:
    # -S: the standard library alone
    subprocess.run([sys.executable, "-S", "-c", "import model.files"], cwd=ROOT, env={}, check=True)


def renames(path: Path) -> list[str]:
    """Return the calls in a file that give another file's name to a file: `os.replace(a, b)` and `path.replace(b)`."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    named = [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "replace"]
    return [ast.unparse(call) for call in named if len(call.args) == 1 or ast.unparse(call.func) == "os.replace"]


def test_no_other_module_replaces_files_by_itself() -> None:
    sources = [path for room in ("handler", "model", "scripts", "web") for path in (ROOT / room).rglob("*.py")]
    found = {str(path.relative_to(ROOT)): calls for path in sources if (calls := renames(path))}
    assert found == {"model/files.py": ["os.replace(finished, path)"]}

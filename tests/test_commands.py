"""scripts/README.md names every command, and each tells its options."""

import importlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.serving.paths import ROOT
from tests.tools.faults import small_disk

SCRIPTS = ROOT / "scripts"
README = (SCRIPTS / "README.md").read_text()
PYTHON_COMMANDS = re.findall(r"^\| `python3? -m (scripts\.[\w.]+)` \|", README, flags=re.MULTILINE)
SHELL_COMMANDS = re.findall(r"^\| `bash (scripts/\w+\.sh)` \|", README, flags=re.MULTILINE)


def is_command(path: Path) -> bool:
    return path.suffix == ".sh" or 'if __name__ == "__main__":' in path.read_text()


def test_every_command_is_listed() -> None:
    commands = {path.relative_to(SCRIPTS) for path in SCRIPTS.rglob("*") if path.suffix in (".py", ".sh")}
    listed = {Path(*name.split(".")[1:]).with_suffix(".py") for name in PYTHON_COMMANDS}
    listed |= {Path(name).relative_to("scripts") for name in SHELL_COMMANDS}
    paragraph = README.partition("Processes that")[2].partition("##")[0]
    others = {Path(name) for name in re.findall(r"`([\w/]+\.(?:py|sh))`", paragraph)}
    assert {path for path in commands if is_command(SCRIPTS / path)} == listed | others


def test_every_file_at_the_top_is_a_command() -> None:
    at_the_top = [path for path in SCRIPTS.iterdir() if path.suffix in (".py", ".sh") and path.name != "__init__.py"]
    assert [path.name for path in at_the_top if not is_command(path)] == []


@pytest.mark.parametrize("name", PYTHON_COMMANDS)
def test_a_python_command_tells_its_options(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        importlib.import_module(name).main(["--help"])
    assert left.value.code == 0
    assert capsys.readouterr().out.startswith("usage: ")


@pytest.mark.parametrize("name", SHELL_COMMANDS)
def test_a_shell_command_tells_its_options(name: str) -> None:
    told = subprocess.run(["bash", name, "--help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert told.startswith("usage: ")
    assert name in told


def test_python_commands_are_documented_as_modules_only() -> None:
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *ROOT.glob("*/*.md"), *ROOT.glob("model/*/*.md")]
    assert [path.name for path in documents if re.search(r"python3? scripts/", path.read_text())] == []


# Before there is a .venv


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """Return a checkout without a .venv."""
    for name in ("scripts", "requirements", "model"):
        shutil.copytree(
            ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "*.jpg", "*.safetensors")
        )
    return tmp_path


@pytest.mark.parametrize("command", [["scripts.serve"], ["scripts.serving.bootstrap", "server"]])
def test_a_checkout_on_a_read_only_disk_is_named_in_one_line(command: list[str], bare: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "32m") as disk:
        for name in ("scripts", "requirements", "model"):
            shutil.copytree(bare / name, disk / name)
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        done = subprocess.run([sys.executable, "-S", "-B", "-m", *command], cwd=disk, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.strip() == (
        f"{disk}/build cannot be written: Read-only file system. Run this from a checkout of your own."
    )


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["--help"], 0, "usage: bash scripts/serve.sh"),
        (["--stop"], 0, "No server of this checkout runs on port 8080.\n"),
        (["--workers", "many"], 2, "--workers: invalid int value"),
        (["--port-offset", "70000"], 1, "--port-offset must be"),
    ],
)
def test_serve_answers_by_the_standard_library_what_needs_no_more(
    bare: Path, arguments: list[str], status: int, says: str
) -> None:
    command = [sys.executable, "-S", "-m", "scripts.serve", *arguments]
    done = subprocess.run(command, cwd=bare, capture_output=True, text=True)
    assert (done.returncode, says in done.stdout + done.stderr) == (status, True), done.stderr
    assert sorted(path.name for path in bare.iterdir()) == ["model", "requirements", "scripts"]


def test_a_command_starts_anew_in_the_venv_with_the_same_arguments(bare: Path) -> None:
    (bare / ".venv").symlink_to(Path(sys.prefix))
    (bare / "scripts" / "told.py").write_text(
        "import sys\nfrom scripts.serving.bootstrap import restart_in_venv\n"
        "restart_in_venv('scripts.told', sys.argv[1:])\nprint(sys.prefix, sys.argv[1:])\n"
    )
    command = [sys._base_executable, "-m", "scripts.told", "--weights", "a b"]  # type: ignore[attr-defined]
    done = subprocess.run(command, cwd=bare, capture_output=True, text=True, check=True)
    prefix, _, arguments = done.stdout.strip().partition(" [")
    assert Path(prefix).resolve() == Path(sys.prefix).resolve()
    assert arguments == "'--weights', 'a b']"

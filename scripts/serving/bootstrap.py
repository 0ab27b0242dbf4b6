"""Makes .venv with the pinned requirements, and starts a command anew in it; needs the standard library alone.

`python3 -m scripts.serving.bootstrap test` installs what requirements/test.txt pins. A command that any Python may
start calls `ensure` and `restart_in_venv` before it imports what uses libraries: see scripts/serve.py.
"""

import argparse
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from scripts.serving.errors import SetupError, unwritable_text
from scripts.serving.paths import BUILD, PYTHON, ROOT, VENV

LOG = BUILD / "setup.log"
REQUIREMENTS = ROOT / "requirements"
SHOWN_LINES = 12
APART = ("pip", "torch")  # installed with what the others need


def main(argv: Sequence[str] | None = None) -> int:
    """Status 0 once the named requirements are in .venv; else 1 and what to do."""
    parser = argparse.ArgumentParser(
        prog="python3 -m scripts.serving.bootstrap", description="Make .venv and install requirements into it."
    )
    names = sorted(path.stem for path in REQUIREMENTS.glob("*.txt") if path.stem not in APART)
    parser.add_argument("names", nargs="+", choices=names, help="of files in requirements/")
    options = parser.parse_args(argv)
    try:
        ensure(*options.names)
    except SetupError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"\n{unwritable_text(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def ensure(*names: str) -> None:
    """Have everything of `requirements/<name>.txt` in .venv, for each name; quick when it is there already.

    Raises `SetupError` naming the command that helps where this cannot be done from here.
    """
    if all(_is_installed(name) for name in names):
        return
    with one_at_a_time():
        for name in names:
            # Another process may have installed it meanwhile.
            if not _is_installed(name):
                _set_up(name)


def was_installed(name: str) -> bool:
    """Whether `requirements/<name>.txt`, as it is or as it once was, is in .venv whole."""
    return PYTHON.exists() and _stamp(name).exists()


def restart_in_venv(module: str, arguments: Sequence[str]) -> None:
    """Replace this process by `.venv/bin/python -m module arguments`; return only where .venv runs it already."""
    if Path(sys.prefix).resolve() != VENV.resolve():
        os.execv(PYTHON, [str(PYTHON), "-m", module, *arguments])


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """One set-up at a time in this checkout; a second waits for the first."""
    BUILD.mkdir(exist_ok=True)
    with (BUILD / "setup.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another set-up is under way here; waiting for it ...")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _is_installed(name: str) -> bool:
    return PYTHON.exists() and all(
        _stamp(included).exists() and _stamp(included).read_text() == _digest(included) for included in _included(name)
    )


def _set_up(name: str) -> None:
    LOG.write_text("")
    _ensure_venv()
    _install(name)
    for included in _included(name):
        _stamp(included).write_text(_digest(included))


def _included(name: str) -> list[str]:
    """`name` and the names of what `requirements/<name>.in` includes."""
    inner = re.findall(r"^-r (\S+)\.in", (REQUIREMENTS / f"{name}.in").read_text(), flags=re.MULTILINE)
    return [name, *(deeper for included in inner for deeper in _included(included))]


def _stamp(name: str) -> Path:
    """Return the file that holds the digest of the requirements that were last installed."""
    return VENV / f".portrait-{name}"


def _digest(name: str) -> str:
    return hashlib.sha256((REQUIREMENTS / f"{name}.txt").read_bytes()).hexdigest()


def _ensure_venv() -> None:
    if PYTHON.exists() and _succeeds([str(PYTHON), "-m", "pip", "--version"]):
        return
    say(f"Making {VENV.name} with Python {sys.version.split()[0]} ...")
    if _succeeds([sys.executable, "-m", "venv", "--clear", str(VENV)]):
        return
    # Debian and Ubuntu keep ensurepip, which venv calls, in a package of its own.
    if venv_with_own_pip():
        return
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    install_package(package, "Python's venv module")
    run([sys.executable, "-m", "venv", "--clear", str(VENV)], "Could not make .venv")


def venv_with_own_pip() -> bool:
    """Where this Python has pip but not ensurepip, pip itself can be put into a bare venv."""
    site = VENV / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    return (
        _succeeds([sys.executable, "-m", "pip", "--version"])
        and _succeeds([sys.executable, "-m", "venv", "--clear", "--without-pip", str(VENV)])
        and _succeeds([sys.executable, "-m", "pip", "install", "-q", "--target", str(site), *hashed("pip")])
    )


def _install(name: str) -> None:
    with_torch = "torch" in _included(name)
    if with_torch:
        _install_torch()
    say(f"Installing the packages of requirements/{name}.txt (a minute or two) ...")
    pip(*hashed(name))
    # A build for GPUs, of TORCH_INDEX_URL, asks for libraries of CUDA; any other has all it needs now.
    if with_torch:
        pip(f"torch=={torch_version()}")


def hashed(name: str) -> list[str]:
    """Arguments of pip install: all of `requirements/<name>.txt`, no more, and nothing that is not what was published.

    Wheels alone: building a source distribution would run what no hash covers.
    """
    return ["--require-hashes", "--no-deps", "--only-binary", ":all:", "-r", str(REQUIREMENTS / f"{name}.txt")]


def torch_version() -> str:
    """Return the version of PyTorch that is pinned; raises `SetupError` where none is."""
    pin = re.search(r"^torch==(\S+)", (REQUIREMENTS / "torch.in").read_text(), flags=re.MULTILINE)
    if pin is None:
        raise SetupError("requirements/torch.in has no line torch==VERSION")
    return pin[1]


def _install_torch() -> None:
    """PyTorch's CPU build where the index has it: its default one brings gigabytes of CUDA along.

    The default build alone is held to hashes: requirements/README.md tells why.
    """
    version = torch_version()
    if _succeeds([str(PYTHON), "-c", f"import torch; assert torch.__version__.split('+')[0] == '{version}'"]):
        return
    say(f"Installing PyTorch {version}, the largest part (200 MB for CPUs; some minutes) ...")
    index = os.environ.get("TORCH_INDEX_URL")
    if index:
        pip("--no-deps", "--index-url", index, f"torch=={version}")
    elif not _succeeds([*_pip_command(), "--no-deps", f"torch=={version}+cpu"]):
        say("The package index has no CPU build for this machine; taking the default one, which may bring CUDA along")
        say("(4.6 GB on arm64). TORCH_INDEX_URL names another index.")
        pip(*hashed("torch"))


def _pip_command() -> list[str]:
    return [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]


def pip(*arguments: str) -> None:
    """pip install into .venv; raises `SetupError` with the end of its output."""
    run([*_pip_command(), *arguments], "pip failed")


def install_package(package: str, what: str) -> None:
    """Install a Debian package as root; otherwise raise `SetupError` with the command that does."""
    command = f"apt-get install -y {package}"
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise SetupError(f"{what} is missing. Install it, then start again:  sudo {command}")
    say(f"Installing {what}: {command} ...")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "update", "-q"], f"{what} is missing and apt-get update failed", environment)
    run(command.split(), f"{what} is missing and apt-get failed", environment)


def run(command: Sequence[str], failure: str, environment: dict[str, str] | None = None) -> None:
    """Run `command` with its output in the log; raises `SetupError` with `failure` and the log's end."""
    if not _succeeds(command, environment):
        tail = "\n".join(f"  {line}" for line in LOG.read_text(errors="replace").splitlines()[-SHOWN_LINES:])
        raise SetupError(f"{failure}. The end of {LOG.relative_to(ROOT)}:\n{tail}")


def _succeeds(command: Sequence[str], environment: dict[str, str] | None = None) -> bool:
    with LOG.open("a") as log:
        log.write(f"$ {' '.join(command)}\n")
        log.flush()
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment)
        try:
            return _wait(process) == 0
        except BaseException:
            process.kill()
            process.wait()
            raise


def _wait(process: "subprocess.Popen[bytes]") -> int:
    """Exit status. On a terminal the seconds are counted: a download may take minutes."""
    started = time.monotonic()
    while True:
        try:
            status = process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            _show(f"  {time.monotonic() - started:.0f} s")
        else:
            _show("")
            return status


def _show(text: str) -> None:
    """Replace the terminal's last line; nothing elsewhere."""
    if sys.stdout.isatty():
        print(f"\r\033[K{text}", end="", flush=True)


def say(text: str) -> None:
    """One line of progress."""
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())

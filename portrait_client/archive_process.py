"""The program that `portrait_client.local` starts: draws with the handler of the archive that it is given.

It imports nothing of portrait_client, and `handler` from the archive alone. Over standard input come the archive's path
and then photos with their options; over standard output go what is wrong with the archive and then answers. Each is
a pickle.
"""

import importlib
import os
import pickle
import signal
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

Answer = tuple[int, bytes, dict[str, str]]  # status, body and headers, as over HTTP
Draw = Callable[[bytes, dict[str, str]], Answer]

_BUILD = "build it:  .venv/bin/python -m scripts.build_archive --weights auto"
_INSTALL = "pip install 'portrait-client[local]', or '.[local]' in a clone"


class UnfitError(Exception):
    """There is nothing to draw with; `kind` as the types of `PortraitError`."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def main() -> None:
    """Load the archive, then answer until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the client's, who lets the photo under way be finished
    answers = _own_output()
    with open(0, "rb", closefd=False) as questions, tempfile.TemporaryDirectory(prefix="portrait-") as folder:
        try:
            draw = load(Path(pickle.load(questions)), Path(folder))
        except UnfitError as error:
            _put((error.kind, str(error)), answers)
            return
        _put(("", ""), answers)
        while questions.peek(1):
            photo, fields = pickle.load(questions)
            _put(draw(photo, fields), answers)


def _own_output() -> BinaryIO:
    """Keep standard output for the answers alone; what libraries print goes to standard error."""
    own = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return own


def _put(answer: object, answers: BinaryIO) -> None:
    pickle.dump(answer, answers)
    answers.flush()


def load(archive: Path, folder: Path) -> Draw:
    """Unpack `archive` into `folder` and load its handler from there. Raises `UnfitError`."""
    try:
        with zipfile.ZipFile(archive) as entries:
            entries.extractall(folder)
    except FileNotFoundError:
        raise UnfitError("NoArchive", f"{archive} is not there; {_BUILD}") from None
    except (zipfile.BadZipFile, OSError) as error:
        raise UnfitError("NoArchive", f"{archive} does not load ({error}); {_BUILD}") from error
    if not (folder / "handler" / "__init__.py").is_file():
        raise UnfitError("NoArchive", f"{archive} holds no handler to draw with; {_BUILD}")
    # not this program's own folder, whose modules are no other's business
    sys.path[:] = [str(folder), *(path for path in sys.path if path != str(Path(__file__).parent))]
    return _fitting(archive, folder)


def _fitting(archive: Path, folder: Path) -> Draw:
    try:
        return _drawer(folder)
    except Exception as error:  # whatever the code of an archive may raise
        if isinstance(error, ModuleNotFoundError) and not str(error.name).startswith("handler"):
            raise UnfitError("NotInstalled", f"{archive} needs {error.name}: {_INSTALL}") from error
        if isinstance(error, ImportError | AttributeError | TypeError):
            raise UnfitError("NoArchive", f"{archive} does not fit this client ({error}); {_BUILD}") from error
        raise UnfitError("NoArchive", f"{archive} does not load ({error}); {_BUILD}") from error


def _drawer(folder: Path) -> Draw:
    """Return the archive's way of a photo and options to an answer: all that is known here of its handler."""
    yaml = importlib.import_module("yaml")
    names = ("answer", "errors", "pipeline")
    answer, errors, pipeline = (importlib.import_module(f"handler.{name}") for name in names)
    config = yaml.safe_load((folder / "model-config.yaml").read_text())
    drawer = pipeline.load_pipeline(folder, config, os.environ)

    def draw(photo: bytes, fields: dict[str, str]) -> Answer:
        try:
            drawn = drawer.draw_one(photo, fields)
        except errors.RequestError as error:
            drawn = answer.refusal(error)
        return int(drawn.status), drawn.body, drawn.headers

    return draw


if __name__ == "__main__":
    main()

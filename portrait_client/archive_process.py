"""The program that `portrait_client.local` starts: draws with the handler of the archive that it is given.

It imports nothing of portrait_client, and `handler` from the archive alone. Over standard input come the archive's path
with the folder where another process has unpacked it, if one has, and then photos, each with the options of its
pictures. Over standard output go what is wrong with the archive, twice: when it is unpacked, with the folder, and when
it is loaded; and then lists of answers. Each is a pickle.
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
Draw = Callable[[bytes, list[dict[str, str]]], list[Answer]]

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
    with open(0, "rb", closefd=False) as questions, tempfile.TemporaryDirectory(prefix="portrait-") as own:
        if not questions.peek(1):
            return  # another process has found the archive unfit
        archive, folder = pickle.load(questions)
        try:
            if folder is None:
                folder = own
                unpack(archive, Path(folder))
            _put(("", folder), answers)
            draw = load(archive, Path(folder))
        except UnfitError as error:
            _put((error.kind, str(error)), answers)
            return
        _put(("", ""), answers)
        while questions.peek(1):
            photo, options = pickle.load(questions)
            _put(draw(photo, options), answers)


def _own_output() -> BinaryIO:
    """Keep standard output for the answers alone; what libraries print goes to standard error."""
    own = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return own


def _put(answer: object, answers: BinaryIO) -> None:
    pickle.dump(answer, answers)
    answers.flush()


def unpack(archive: str, folder: Path) -> None:
    """Unpack `archive` into `folder`. Raises `UnfitError` for what is no archive with a handler."""
    try:
        with zipfile.ZipFile(archive) as entries:
            entries.extractall(folder)
    except FileNotFoundError:
        raise UnfitError("NoArchive", f"{archive} is not there; {_BUILD}") from None
    except (zipfile.BadZipFile, OSError) as error:
        raise UnfitError("NoArchive", f"{archive} does not load ({error}); {_BUILD}") from error
    if not (folder / "handler" / "__init__.py").is_file():
        raise UnfitError("NoArchive", f"{archive} holds no handler to draw with; {_BUILD}")


def load(archive: str, folder: Path) -> Draw:
    """Load the handler of `archive`, which was unpacked into `folder`, from there. Raises `UnfitError`."""
    # not this program's own folder, whose modules are no other's business
    sys.path[:] = [str(folder), *(path for path in sys.path if path != str(Path(__file__).parent))]
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

    def draw(photo: bytes, options: list[dict[str, str]]) -> list[Answer]:
        rows = [{"data": photo, **fields} for fields in options]
        outcomes = drawer.draw_batch(rows, [{}] * len(rows))
        answers = [answer.refusal(one) if isinstance(one, errors.RequestError) else one for one in outcomes]
        return [(int(one.status), one.body, one.headers) for one in answers]

    return draw


if __name__ == "__main__":
    main()

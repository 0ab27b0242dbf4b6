"""Whether this machine can serve an archive in a precision that was asked for."""

import subprocess
import sys
import zipfile
from pathlib import Path

from scripts.serving.errors import SetupError
from scripts.serving.paths import PYTHON, ROOT


def check_precision(archive: Path, asked: str) -> None:
    """Raise `SetupError` that names what there is when `archive` cannot be served in `asked` here.

    `auto` is always there. Else the archive's own handler is asked, in a process of its own, which alone loads torch.
    """
    if asked == "auto":
        return
    command = [str(PYTHON), "-m", "scripts.serving.precision", str(archive), asked]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise SetupError((done.stderr.strip().splitlines() or ["precision: could not be settled"])[-1])


def main() -> int:
    """Status 0 when the archive can be served in the precision; else 1 and one line."""
    archive, asked = sys.argv[1:]
    sys.path.insert(0, archive)  # its own handler, as a worker runs it: an image has no other

    import torch

    from handler.module_info import FORMS
    from handler.precision import device_of, offered, settle

    with zipfile.ZipFile(archive) as entries:
        forms = [form for form, name in FORMS.items() if name in entries.namelist()]
    try:
        settle(asked, offered(device_of(0 if torch.cuda.is_available() else None), forms))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

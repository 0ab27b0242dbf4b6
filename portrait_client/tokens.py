"""Where the token comes from: an option, the environment, or the file that TorchServe writes."""

import json
import os
from pathlib import Path

from portrait_client.address import is_loopback, split

VARIABLE = "PORTRAIT_TOKEN"
KEY_FILE = Path("key_file.json")
_REST_PORT, _GRPC_PORT = 8080, 7070


def find_token(given: str | None, key_file: Path | None, server: str) -> str | None:
    """Return the token for `server`, None where none is found.

    Without an option or a variable, a key file in this folder, or of the server that
    `scripts/serve.sh` runs from here, is used; but only for a server on this machine, whose key
    it is. Raises `ValueError` for a key file that is none, `OSError` for one that cannot be read.
    """
    if given or os.environ.get(VARIABLE):
        return given or os.environ[VARIABLE]
    if key_file:
        return read_key(key_file)
    if not is_loopback(server):
        return None
    found = next((path for path in (KEY_FILE, _served_here(server)) if path.is_file()), None)
    return read_key(found) if found else None


def read_key(path: Path) -> str:
    """Return the inference key in TorchServe's key file. Raises `ValueError` where there is none."""
    try:
        return str(json.loads(path.read_text())["inference"]["key"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: holds no inference key as TorchServe writes it") from error


def _served_here(server: str) -> Path:
    port = split(server).port or _REST_PORT
    for offset in (port - _GRPC_PORT, port - _REST_PORT):
        folder = Path("build", "serve", str(_REST_PORT + offset))
        if folder.is_dir():
            break
    return folder / "key_file.json"

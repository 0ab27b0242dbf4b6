"""TorchServe's keys, which it writes beside its settings."""

import json
from pathlib import Path


def key_of(folder: Path, service: str) -> str:
    """Return the key of `inference` or `management`; empty until the server that runs from `folder` has written it."""
    try:
        return str(json.loads((folder / "key_file.json").read_text())[service]["key"])
    except (OSError, ValueError, LookupError):
        return ""

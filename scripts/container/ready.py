"""Whether the server in this container takes photos: `python -m scripts.container.ready`, the image's health check.

TorchServe's own /ping says Healthy while the model loads and while its workers crash.
"""

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from scripts.container.start import FOLDER
from scripts.serving.settings import read_properties

TIMEOUT_SECONDS = 5


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 0 when every worker is READY, else 1 and why not; the argument is the server's folder."""
    folder = Path(argv[0]) if argv else FOLDER
    try:
        statuses = worker_statuses(folder)
    except (OSError, ValueError, LookupError, TypeError) as error:
        print(f"no answer from the server: {error}")
        return 1
    print(f"workers: {', '.join(statuses) or 'none'}")
    return 0 if statuses and set(statuses) == {"READY"} else 1


def worker_statuses(folder: Path) -> list[str]:
    """What the management API says of each worker. Raises `OSError` and others when it does not say it."""
    settings = read_properties(folder / "config.properties")
    request = urllib.request.Request(f"{settings['management_address']}/models/portrait")
    if settings["disable_token_authorization"] == "false":
        keys = json.loads((folder / "key_file.json").read_text())
        request.add_header("Authorization", f"Bearer {keys['management']['key']}")
    # A proxy that is set for the outside has no business here.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
        return [str(worker["status"]) for worker in json.load(answer)[0]["workers"]]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""What a person is told once the server is up."""

import shlex
import shutil

from scripts.serving.keys import key_of
from scripts.serving.machine import Arrangement
from scripts.serving.paths import SAMPLE
from scripts.serving.promise import Promise
from scripts.serving.server import Run
from scripts.serving.settings import HOST, Ports


def arrangement_text(arrangement: Arrangement) -> str:
    """`2 workers on 4 threads`."""
    workers = "1 worker" if arrangement.workers == 1 else f"{arrangement.workers} workers"
    threads = "1 thread" if arrangement.threads == 1 else f"{arrangement.threads} threads"
    return f"{workers} on {threads}"


def promise_text(photo_seconds: float, promise: Promise, max_wait: float) -> str:
    """Return what follows from the time of a photo on this machine."""
    return (
        f"A phone's photo takes up to {photo_seconds:.2f} s here: {promise.places} requests may wait, "
        f"{max_wait:g} s at most; a worker that takes {promise.response_seconds} s for one counts as hung."
    )


def lines_to_try(run: Run, page: bool) -> str:
    """Lines to paste into another terminal, in any folder; `page`: it is there as well."""
    url = f"http://{HOST}:{run.ports.rest}/predictions/portrait"
    key = f" -H {shlex.quote('Authorization: Bearer ' + key_of(run.folder, 'inference'))}" if run.tokens else ""
    photo = shlex.quote(str(SAMPLE))
    offset = run.ports.rest - Ports.rest
    stop = "bash scripts/serve.sh --stop" + (f" --port-offset {offset}" if offset else "")
    return f"""
READY. Try it in another terminal:

  curl{key} -T {photo} {url} -o portrait.png
  curl{key} -T {photo} -H 'Portrait-Style: sketch' {url} -o sketch.png

  gRPC         {HOST}:{run.ports.grpc}, Predictions of model portrait, the photo under key data
  management   http://{HOST}:{run.ports.management}/models/portrait{_key_hint(run)}
  metrics      http://{HOST}:{run.ports.metrics}/metrics{_page_hint(run) if page else ""}
  logs         {run.folder / "logs"}
  stop         {stop} (or Ctrl-C here)
{_curl_hint()}"""


def _curl_hint() -> str:
    return "" if shutil.which("curl") else "\ncurl is not installed here:  sudo apt-get install -y curl\n"


def _page_hint(run: Run) -> str:
    return f"\n  page         http://{HOST}:{run.ports.page}"


def _key_hint(run: Run) -> str:
    return f"\n  keys         {run.folder / 'key_file.json'}, good for a day" if run.tokens else ""

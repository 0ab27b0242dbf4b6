"""Waits until every worker of the model is ready, or says why it will not be."""

import json
import re
import subprocess
import time
import urllib.error
import urllib.request

from scripts.serving.errors import SetupError
from scripts.serving.server import Run
from scripts.serving.settings import HOST

TIMEOUT_SECONDS = 120.0
# A worker that fails to load is started again after 1, 1, 2, 3, 5 ... seconds; twice is no accident.
FAILED_LOADS = 2
SHOWN_LINES = 3


def wait_until_ready(run: Run, process: "subprocess.Popen[bytes]") -> None:
    """Return once all workers are READY; raise `SetupError` when Java ends or the model does not load."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not is_ready(run):
        if process.poll() is not None:
            raise SetupError(_report(run, f"TorchServe ended at once (exit status {process.returncode})"))
        if _does_not_load(run):
            raise SetupError(_report(run, "The model did not load"))
        if time.monotonic() > deadline:
            raise SetupError(_report(run, f"The model was not ready after {TIMEOUT_SECONDS:.0f} s"))
        time.sleep(0.25)


def is_ready(run: Run) -> bool:
    """Whether as many workers as were asked for can take photos."""
    request = urllib.request.Request(f"http://{HOST}:{run.ports.management}/models/portrait")
    if run.tokens:
        request.add_header("Authorization", f"Bearer {key_of(run, 'management')}")
    # A proxy that is set for the outside has no business here.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=5) as answer:
            workers = json.load(answer)[0]["workers"]
    except (OSError, ValueError):
        return False
    ready = [worker for worker in workers if worker["status"] == "READY"]
    return len(ready) >= run.arrangement.workers


def key_of(run: Run, service: str) -> str:
    """The key of `inference` or `management`; empty until TorchServe has written it."""
    try:
        return str(json.loads((run.folder / "key_file.json").read_text())[service]["key"])
    except (OSError, ValueError, KeyError):
        return ""


def _does_not_load(run: Run) -> bool:
    """Whether Java refused the archive, or its workers ended while they loaded it, more than by accident."""
    console = _console(run)
    failures = len(re.findall(r"Retry worker: \d+ in", console))
    return "ModelServer - Failed to load model" in console or failures >= FAILED_LOADS * run.arrangement.workers


def _report(run: Run, what: str) -> str:
    """`what`, where the logs are, and the reason if one is to be found there."""
    console = _console(run)
    reasons = re.findall(r"Failed to load model \S+, exception (.+)", console)
    reasons = reasons or re.findall(r"((?:\w+\.)*\w*(?:Error|Exception): .+)", console)
    lines = reasons[-1:] or console.splitlines()[-SHOWN_LINES:]
    return "\n  ".join([f"{what}. Logs: {run.folder / 'logs'}", *lines])


def _console(run: Run) -> str:
    """What this run wrote; the other logs go on from run to run."""
    return (run.folder / "logs" / "console.log").read_text(errors="replace")

"""Waits until every worker of the model is ready and a picture was drawn, or says why that will not be."""

import re
import subprocess
import time

from scripts.serving import canary
from scripts.serving.errors import SetupError
from scripts.serving.management import ManagementError, describe
from scripts.serving.server import Run

TIMEOUT_SECONDS = 120.0
CANARY_SECONDS = 30.0  # the first drawing of a worker takes longest
# A worker that fails to load is started again after 1, 1, 2, 3, 5 ... seconds; twice is no accident.
FAILED_LOADS = 2
SHOWN_LINES = 3


def wait_until_ready(run: Run, process: "subprocess.Popen[bytes]") -> None:
    """Return once all workers are READY and the canary is drawn.

    Raises `SetupError` when Java ends, the model does not load or no picture comes.
    """
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not is_ready(run):
        if process.poll() is not None:
            raise SetupError(_report(run, f"TorchServe ended at once (exit status {process.returncode})"))
        if _does_not_load(run):
            raise SetupError(_report(run, "The model did not load"))
        if time.monotonic() > deadline:
            raise SetupError(_report(run, f"The model was not ready after {TIMEOUT_SECONDS:.0f} s"))
        time.sleep(0.25)
    try:
        canary.draw(run.folder, CANARY_SECONDS)
    except canary.CanaryError as error:
        raise SetupError(_report(run, f"The server does not draw: {error}")) from error


def is_ready(run: Run) -> bool:
    """Whether as many workers as were asked for can take photos."""
    try:
        workers = describe(run.folder).workers
    except ManagementError:
        return False
    return sum(worker.is_ready for worker in workers) >= run.arrangement.workers


def _does_not_load(run: Run) -> bool:
    """Whether Java refused the archive, or its workers ended while they loaded it, more than by accident."""
    console = _console(run)
    failures = len(re.findall(r"Retry worker: \d+ in", console))
    return "ModelServer - Failed to load model" in console or failures >= FAILED_LOADS * run.arrangement.workers


def _report(run: Run, what: str) -> str:
    """Return `what`, where the logs are, and the reason if one is to be found there."""
    console = _console(run)
    reasons = re.findall(r"Failed to load model \S+, exception (.+)", console)
    reasons = reasons or re.findall(r"MODEL_LOG - (\w*(?:Error|Exception): .+)", console)  # of Python, not of Java
    reasons = reasons or re.findall(r"((?:\w+\.)*\w*(?:Error|Exception): .+)", console)
    lines = reasons[-1:] or console.splitlines()[-SHOWN_LINES:]
    return "\n  ".join([f"{what}. Logs: {run.folder / 'logs'}", *lines])


def _console(run: Run) -> str:
    """Return what this run wrote; the other logs go on from run to run."""
    return (run.folder / "logs" / "console.log").read_text(errors="replace")

"""When to try again, and after how long."""

from collections.abc import Callable
from typing import Any

from tenacity import RetryCallState, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from portrait_client.errors import UNREACHABLE, UnavailableError

RETRIES = 4
_BACK_OFF = wait_exponential_jitter(multiplier=0.5, max=8, jitter=0.5)
_LONGEST_S = 60.0


def policy(retries: int, reached: Callable[[], bool]) -> dict[str, Any]:
    """Arguments for tenacity: again after what is `UnavailableError`, up to `retries` times.

    Nobody there is told at once, unless somebody was there before: `reached` says so. A server that was there
    restarts; one that was not is not started yet, or its address is wrong.
    """

    def may_help(error: BaseException) -> bool:
        return isinstance(error, UnavailableError) and (error.type != UNREACHABLE or reached())

    return {
        "retry": retry_if_exception(may_help),
        "stop": stop_after_attempt(retries + 1),
        "wait": _wait,
        "reraise": True,
    }


def _wait(state: RetryCallState) -> float:
    """Longer each time, with jitter; never less than the server asked for."""
    error = state.outcome.exception() if state.outcome else None
    asked_s = error.retry_after_s if isinstance(error, UnavailableError) else 0.0
    return min(max(_BACK_OFF(state), asked_s), _LONGEST_S)

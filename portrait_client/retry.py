"""When to try again, and after how long."""

from typing import Any

from tenacity import RetryCallState, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from portrait_client.errors import UnavailableError

RETRIES = 4
_BACK_OFF = wait_exponential_jitter(multiplier=0.5, max=8, jitter=0.5)
_LONGEST_S = 60.0


def policy(retries: int) -> dict[str, Any]:
    """Arguments for tenacity: again after what is `UnavailableError`, up to `retries` times."""
    return {
        "retry": retry_if_exception_type(UnavailableError),
        "stop": stop_after_attempt(retries + 1),
        "wait": _wait,
        "reraise": True,
    }


def _wait(state: RetryCallState) -> float:
    """Longer each time, with jitter; never less than the server asked for."""
    error = state.outcome.exception() if state.outcome else None
    asked_s = error.retry_after_s if isinstance(error, UnavailableError) else 0.0
    return min(max(_BACK_OFF(state), asked_s), _LONGEST_S)

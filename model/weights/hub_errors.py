"""What the hub's client raises, told in one line that says what to do."""

from httpx2 import HTTPError
from huggingface_hub import constants, errors

HUB_ERRORS = (HTTPError, OSError, errors.HFValidationError, errors.XetDownloadError)
# the client, too, looks into its cache for all but these
NOT_THERE = (errors.RevisionNotFoundError, errors.RemoteEntryNotFoundError)
_ELSE = "or take other weights: lite, or a file of your own"


def explain(error: Exception, wanted: str) -> str:
    """One line for a person: what of `wanted` failed, why, and what to do."""
    if isinstance(error, errors.LocalEntryNotFoundError) and isinstance(error.__cause__, Exception):
        error = error.__cause__  # "cannot find it in the cache" hides why it was not fetched
    match error:
        case errors.OfflineModeIsEnabled():
            return f"hub: HF_HUB_OFFLINE is set and the cache has no {wanted}; unset it, {_ELSE}"
        case errors.RepositoryNotFoundError():
            return (
                f"hub: no {wanted}: the repository does not exist or is closed to you; check its "
                f"name, or give a token that may read it (HF_TOKEN), {_ELSE}"
            )
        case errors.RevisionNotFoundError() | errors.RemoteEntryNotFoundError():
            return f"hub: there is no {wanted}; check the file and the revision, {_ELSE}"
        case errors.HfHubHTTPError() if error.response.status_code == 429:
            wait = error.response.headers.get("Retry-After")
            delay = f"{wait} s" if wait else "some minutes"
            return f"hub: too many requests (429) for {wanted}; try in {delay}, set HF_TOKEN, {_ELSE}"
        case errors.HfHubHTTPError():
            status = error.response.status_code
            return f"hub: {constants.ENDPOINT} answered {status} for {wanted}; try later, {_ELSE}"
        case errors.HFValidationError() | errors.FileMetadataError():
            return f"hub: {_first_line(error)}"
    return (
        f"hub: could not get {wanted} from {constants.ENDPOINT} ({_first_line(error)}); "
        f"check the network, HTTPS_PROXY and HF_ENDPOINT, try again, {_ELSE}"
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]

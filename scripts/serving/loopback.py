"""Questions to what serves on this machine, over plain HTTP."""

import ssl
from collections.abc import Mapping

import httpx2

TIMEOUT_SECONDS = 5.0
# Trusts nobody: there is nothing encrypted to ask, and loading the certificates of this machine takes 0.3 s.
_NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def get(url: str, headers: Mapping[str, str] | None = None) -> httpx2.Response:
    """Return the answer, whatever its status; raises `httpx2.HTTPError` when there is none within `TIMEOUT_SECONDS`."""
    # trust_env: a proxy that is set for the outside has no business here.
    return httpx2.get(url, headers=headers, timeout=TIMEOUT_SECONDS, verify=_NO_CERTIFICATES, trust_env=False)

"""Portraits over REST, one after the other or with asyncio."""

import ipaddress
from collections.abc import Mapping
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import httpx2
from tenacity import AsyncRetrying, Retrying

from portrait_client.errors import UNREACHABLE, PortraitError, UnavailableError, error_from
from portrait_client.options import DEFAULTS, Options
from portrait_client.picture import Picture, content_type_of
from portrait_client.retry import RETRIES, policy

SERVER = "http://127.0.0.1:8080"
GRPC_SERVER = "127.0.0.1:7070"  # here, because portrait_client.grpc_client needs what not everyone has installed
ANSWER_S = 150.0  # a server gives its own workers 120 s
_PATH = "/predictions/portrait"
_NOBODY = (httpx2.ConnectError, httpx2.ConnectTimeout)
_LOST = (httpx2.NetworkError, httpx2.RemoteProtocolError)


class PortraitClient:
    """Draws by a server; safe to share between threads."""

    def __init__(
        self, server: str = SERVER, token: str | None = None, *, retries: int = RETRIES, timeout_s: float = ANSWER_S
    ) -> None:
        self._http = httpx2.Client(**_settings(server, token, timeout_s))
        self._retries = retries

    def draw(self, photo: bytes, options: Options = DEFAULTS) -> Picture:
        """Draw the portrait of an encoded photo.

        Tries again while the server is busy or out of reach. Raises `RefusedError`, `UnavailableError` or
        another `PortraitError`.
        """
        return Retrying(**policy(self._retries))(self._draw, photo, options)

    def _draw(self, photo: bytes, options: Options) -> Picture:
        try:
            answer = self._http.post(_PATH, content=photo, headers=options.headers())
        except httpx2.TransportError as error:
            raise _explained(error, self._http.base_url) from error
        return _read(answer)

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def __enter__(self) -> "PortraitClient":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncPortraitClient:
    """`PortraitClient` for asyncio."""

    def __init__(
        self, server: str = SERVER, token: str | None = None, *, retries: int = RETRIES, timeout_s: float = ANSWER_S
    ) -> None:
        self._http = httpx2.AsyncClient(**_settings(server, token, timeout_s))
        self._retries = retries

    async def draw(self, photo: bytes, options: Options = DEFAULTS) -> Picture:
        """As `PortraitClient.draw`."""
        return await AsyncRetrying(**policy(self._retries))(self._draw, photo, options)

    async def _draw(self, photo: bytes, options: Options) -> Picture:
        try:
            answer = await self._http.post(_PATH, content=photo, headers=options.headers())
        except httpx2.TransportError as error:
            raise _explained(error, self._http.base_url) from error
        return _read(answer)

    async def aclose(self) -> None:
        """Give the connections back."""
        await self._http.aclose()

    async def __aenter__(self) -> "AsyncPortraitClient":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def _settings(server: str, token: str | None, timeout_s: float) -> dict[str, Any]:
    url = server if "://" in server else f"http://{server}"
    headers = {"Content-Type": "application/octet-stream", "Accept": "*/*"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return {
        "base_url": url,
        "headers": headers,
        "timeout": httpx2.Timeout(timeout_s, connect=10),
        "trust_env": not is_loopback(url),  # no proxy leads to this machine
    }


def is_loopback(url: str) -> bool:
    """Whether the host of `url` is this machine."""
    host = urlsplit(url if "://" in url else f"//{url}").hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _explained(error: httpx2.TransportError, url: httpx2.URL) -> PortraitError:
    message = f"no answer from {url} ({str(error) or type(error).__name__})"
    if isinstance(error, _NOBODY):
        return UnavailableError(0, UNREACHABLE, f"{message}; is the server running there?")
    if isinstance(error, _LOST):
        return UnavailableError(0, "ConnectionLost", message)
    return PortraitError(0, type(error).__name__, message)


def _read(answer: httpx2.Response) -> Picture:
    """Return a picture for a 200 that carries one; everything else is raised."""
    if answer.status_code != httpx2.codes.OK:
        raise error_from(answer.status_code, answer.content, answer.headers.get("Retry-After"))
    if content_type_of(answer.content) is None:
        kind = answer.headers.get("Content-Type", "nothing known")
        raise PortraitError(200, "NoPicture", f"{answer.url} answers with {kind}, which is no picture")
    return picture_from(answer.content, answer.headers)


def picture_from(data: bytes, headers: Mapping[str, str]) -> Picture:
    """Return a picture's bytes and the `Portrait-` headers that came with it."""
    faces = headers.get("Portrait-Faces")
    return Picture(
        data,
        content_type_of(data) or "",
        headers.get("Portrait-Style"),
        _size(headers.get("Portrait-Size")),
        headers.get("Portrait-Weights"),
        headers.get("Portrait-Precision"),
        int(faces) if faces else None,
    )


def _size(text: str | None) -> tuple[int, int] | None:
    if not text:
        return None
    width, height = text.split("x")
    return int(width), int(height)

"""Portraits over REST, one after the other or with asyncio."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

import httpx2
from tenacity import AsyncRetrying, Retrying

from portrait_client.address import SERVER, Address, address_of, is_loopback
from portrait_client.errors import UNREACHABLE, PortraitError, UnavailableError, error_from, moved
from portrait_client.options import DEFAULTS, Options, with_keywords
from portrait_client.photo import Photo, read_photo
from portrait_client.picture import Picture, content_type_of
from portrait_client.retry import RETRIES, policy

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from portrait_client.options import Keywords

ANSWER_S = 150.0  # a server gives its own workers 120 s
CONNECT_S = 10.0
_NOBODY = (httpx2.ConnectError, httpx2.ConnectTimeout)
_LOST = (httpx2.NetworkError, httpx2.RemoteProtocolError)


class PortraitClient:
    """Draws by a server; safe to share between threads.

    `server` is an address with a scheme or without, of a host, a path below which the server is, or the endpoint
    (`https://example.org/predictions/portrait/1.0`); `token` is the inference key of a server that asks for one.
    """

    def __init__(
        self, server: str = SERVER, token: str | None = None, *, retries: int = RETRIES, timeout_s: float = ANSWER_S
    ) -> None:
        """Open no connection yet. Raises `ValueError` for what is no address.

        A try may take 10 s to connect, and `timeout_s` between two pieces of the answer: by default 150 s, a bit more
        than a server gives its workers. `retries` more tries follow where they may help, each after a longer pause:
        about 0.5, 1, 2 and 4 s, or as long as the server asks, at most 60 s.
        """
        self._address = address_of(server)
        self._http = httpx2.Client(**_settings(self._address, token, timeout_s))
        self._retries = retries
        self._reached = False

    def draw(self, photo: Photo, options: Options = DEFAULTS, **given: "Unpack[Keywords]") -> Picture:
        """Draw the portrait of a photo: encoded bytes, the path of a file, or an open one.

        Options may be given by name; these come before those of `options`. Tries again while the server is busy, and
        while it is out of reach if it was in reach before. Raises `RefusedError` (another photo, option or token is
        wanted), `UnavailableError` (later may do) or another `PortraitError`; `OSError` for a photo that cannot be
        read.
        """
        again = Retrying(**policy(self._retries, lambda: self._reached))
        return again(self._draw, read_photo(photo), with_keywords(options, given))

    def draw_each(self, photo: bytes, options: Sequence[Options]) -> Iterator[Picture | PortraitError]:
        """Yield a picture of the photo, or why there is none, for each of `options`."""
        return one_by_one(self.draw, photo, options)

    def _draw(self, photo: bytes, options: Options) -> Picture:
        try:
            answer = self._http.post(self._address.path, content=photo, headers=options.headers())
        except httpx2.TransportError as error:
            raise _explained(error, self._address) from error
        self._reached = True
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
        self._address = address_of(server)
        self._http = httpx2.AsyncClient(**_settings(self._address, token, timeout_s))
        self._retries = retries
        self._reached = False

    async def draw(self, photo: Photo, options: Options = DEFAULTS, **given: "Unpack[Keywords]") -> Picture:
        """As `PortraitClient.draw`."""
        again = AsyncRetrying(**policy(self._retries, lambda: self._reached))
        data = await asyncio.to_thread(read_photo, photo)
        return await again(self._draw, data, with_keywords(options, given))

    async def _draw(self, photo: bytes, options: Options) -> Picture:
        try:
            answer = await self._http.post(self._address.path, content=photo, headers=options.headers())
        except httpx2.TransportError as error:
            raise _explained(error, self._address) from error
        self._reached = True
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


def one_by_one(
    draw: Callable[[bytes, Options], Picture], photo: bytes, options: Sequence[Options]
) -> Iterator[Picture | PortraitError]:
    """Yield what `draw` gives for each of `options`, or raises."""
    for drawn_so in options:
        try:
            yield draw(photo, drawn_so)
        except PortraitError as error:
            yield error


def _settings(address: Address, token: str | None, timeout_s: float) -> dict[str, Any]:
    headers = {"Content-Type": "application/octet-stream", "Accept": "*/*"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return {
        "base_url": address.base,
        "headers": headers,
        "timeout": httpx2.Timeout(timeout_s, connect=CONNECT_S),
        "trust_env": not is_loopback(address.base),  # no proxy leads to this machine
    }


def _explained(error: httpx2.TransportError, address: Address) -> PortraitError:
    message = f"no answer from {address.base} ({str(error) or type(error).__name__})"
    if isinstance(error, _NOBODY):
        return UnavailableError(0, UNREACHABLE, f"{message}; is the server running there?")
    if isinstance(error, _LOST):
        return UnavailableError(0, "ConnectionLost", message)
    return PortraitError(0, type(error).__name__, message)


def _read(answer: httpx2.Response) -> Picture:
    """Return a picture for a 200 that carries one; everything else is raised."""
    if answer.has_redirect_location:
        raise moved(answer.status_code, answer.headers["Location"])
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

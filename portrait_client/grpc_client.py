"""Portraits over gRPC, which the extra `grpc` brings."""

import json
import re
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from tenacity import Retrying

from portrait_client.address import GRPC_SERVER, split
from portrait_client.errors import UNREACHABLE, PortraitError, RefusedError, UnavailableError, busy, error_from
from portrait_client.options import DEFAULTS, Options, with_keywords
from portrait_client.photo import Photo, read_photo
from portrait_client.picture import Picture, content_type_of
from portrait_client.rest import ANSWER_S, one_by_one
from portrait_client.retry import RETRIES, policy

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from portrait_client.options import Keywords

try:
    import grpc

    from portrait_client.messages import PREDICTIONS, messages
except ModuleNotFoundError as error:
    how = "pip install 'portrait-client[grpc]', or '.[grpc]' in a clone"
    raise ModuleNotFoundError(f"gRPC needs {error.name}: {how}", name=error.name) from error

# the statuses that mean the same over REST, with their number there
_REFUSALS = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.PERMISSION_DENIED: 401,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 413,
}


# TorchServe gives a full queue and a missing worker as INTERNAL, told apart by these words alone
_NO_WORKER = "has no worker to serve"
_JAVA_CLASS = re.compile(r"^(org\.pytorch\.\S+|\w+Exception\.\(\))$", re.MULTILINE)
_OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


class GrpcPortraitClient:
    """Draws by a server over gRPC; safe to share between threads.

    `server` is host:port, or an https address for TLS. `retries` as for `PortraitClient`; `timeout_s` is for a whole
    try. TorchServe's answers have no room for what REST says in headers: a picture's style, size, weights, precision
    and faces are None, and no answer names how long to wait.
    """

    def __init__(
        self,
        server: str = GRPC_SERVER,
        token: str | None = None,
        *,
        retries: int = RETRIES,
        timeout_s: float = ANSWER_S,
    ) -> None:
        self._server = server
        self._channel = _channel(server)
        self._predict = self._channel.unary_unary(
            PREDICTIONS,
            request_serializer=messages().request.SerializeToString,
            response_deserializer=messages().response.FromString,
        )
        self._metadata = [("authorization", f"Bearer {token}")] if token else []
        self._retries = retries
        self._reached = False
        self._timeout_s = timeout_s

    def draw(self, photo: Photo, options: Options = DEFAULTS, **given: "Unpack[Keywords]") -> Picture:
        """As `PortraitClient.draw`; the picture alone, without what REST says about it."""
        again = Retrying(**policy(self._retries, lambda: self._reached))
        return again(self._draw, read_photo(photo), with_keywords(options, given))

    def draw_each(self, photo: bytes, options: Sequence[Options]) -> Iterator[Picture | PortraitError]:
        """Yield a picture of the photo, or why there is none, for each of `options`."""
        return one_by_one(self.draw, photo, options)

    def _draw(self, photo: bytes, options: Options) -> Picture:
        request = messages().request(model_name="portrait", input={"data": photo, **_encoded(options)})
        try:
            answer = self._predict(request, timeout=self._timeout_s, metadata=self._metadata)
        except grpc.RpcError as error:
            told = _explained(error, self._server)
            self._reached = self._reached or told.type != UNREACHABLE
            raise told from error
        self._reached = True
        content_type = content_type_of(answer.prediction)
        if content_type is None:
            # what fails in the middle of a batch arrives as an answer like any other
            raise _refusal(answer.prediction)
        return Picture(answer.prediction, content_type)

    def close(self) -> None:
        """Give the connection back."""
        self._channel.close()

    def __enter__(self) -> "GrpcPortraitClient":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _channel(server: str) -> Any:
    url = split(server)
    if url.scheme == "https":
        return grpc.secure_channel(url.netloc, grpc.ssl_channel_credentials(), options=_OPTIONS)
    return grpc.insecure_channel(url.netloc, options=_OPTIONS)


def _encoded(options: Options) -> dict[str, bytes]:
    return {name: value.encode() for name, value in options.fields().items()}


def _explained(error: grpc.RpcError, server: str) -> PortraitError:
    status, told = error.code(), _JAVA_CLASS.sub("", error.details() or "").strip()
    if status in _REFUSALS:
        return RefusedError(_REFUSALS[status], status.name, told)
    if status == grpc.StatusCode.UNAVAILABLE:
        kind = UNREACHABLE if "failed to connect" in told else "ConnectionLost"
        return UnavailableError(0, kind, f"no answer from {server} ({told}); is the server running there?")
    if _NO_WORKER in told:
        return busy()
    if status == grpc.StatusCode.CANCELLED:
        return PortraitError(0, status.name, f"the server broke off ({told}); the photo may be larger than it takes")
    return PortraitError(500, status.name, told or f"the server answered {status.name}")


def _refusal(body: bytes) -> PortraitError:
    try:
        code = int(json.loads(body)["code"])
    except (ValueError, KeyError, TypeError):
        return PortraitError(200, "NoPicture", "the server answered with something that is no picture")
    return error_from(code, body)

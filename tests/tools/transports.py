"""The four ways in: REST with a raw body, multipart and JSON; gRPC. One shape of answer for all."""

import base64
from typing import NamedTuple

import grpc
import requests

from tests.tools.serving import Server, Stubs


class Reply(NamedTuple):
    """What came back: an HTTP status or a gRPC status code, and the body or the message."""

    status: int | grpc.StatusCode
    body: bytes
    headers: dict[str, str]


class Transports:
    """Sends a photo with options in any of the ways; options go where that way keeps them."""

    def __init__(self, server: Server, stubs: Stubs) -> None:
        self._server = server
        self._stubs = stubs

    def raw(self, photo: bytes, **options: str) -> Reply:
        headers = {f"portrait-{name}": value for name, value in options.items()}
        return self.post(data=photo, headers=headers | {"Content-Type": "application/octet-stream"})

    def multipart(self, photo: bytes, **options: str) -> Reply:
        return self.post(files={"data": ("photo", photo)}, data=options)

    def json(self, photo: bytes, **options: str) -> Reply:
        return self.post(json={"data": base64.b64encode(photo).decode(), **options})

    def grpc(self, photo: bytes, **options: str) -> Reply:
        fields = {name: value.encode() for name, value in options.items()}
        return self.predict({"data": photo, **fields})

    def post(self, model: str = "portrait", **arguments: object) -> Reply:
        url = f"{self._server.rest}/predictions/{model}"
        answer = requests.post(url, timeout=60, **arguments)  # type: ignore[arg-type]
        return Reply(answer.status_code, answer.content, dict(answer.headers))

    def predict(self, fields: dict[str, bytes], model: str = "portrait", timeout: float = 60) -> Reply:
        request = self._stubs.inference.PredictionsRequest(model_name=model, input=fields)
        with self._server.grpc_channel() as channel:
            service = self._stubs.inference_grpc.InferenceAPIsServiceStub(channel)
            try:
                answer = service.Predictions(request, timeout=timeout)
            except grpc.RpcError as error:
                return Reply(error.code(), error.details().encode(), {})
        return Reply(grpc.StatusCode.OK, answer.prediction, {})


TRANSPORTS = ("raw", "multipart", "json", "grpc")

"""Portraits from Python: a photo's bytes in, a picture out, by REST, gRPC or on this machine.

with PortraitClient("http://127.0.0.1:8080") as client:
    picture = client.draw(Path("photo.jpg").read_bytes(), Options(style="sketch"))
    Path("sketch.png").write_bytes(picture.data)
"""

from portrait_client.errors import PortraitError, RefusedError, UnavailableError
from portrait_client.grpc_client import GrpcPortraitClient
from portrait_client.options import Options
from portrait_client.picture import Picture
from portrait_client.rest import AsyncPortraitClient, PortraitClient

__all__ = [
    "AsyncPortraitClient",
    "GrpcPortraitClient",
    "Options",
    "Picture",
    "PortraitClient",
    "PortraitError",
    "RefusedError",
    "UnavailableError",
]

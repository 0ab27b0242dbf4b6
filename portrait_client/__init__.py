"""Portraits from Python: a photo's bytes in, a picture out, by REST, gRPC or on this machine.

with PortraitClient("http://127.0.0.1:8080") as client:
    client.draw("photo.jpg", style="sketch").save("sketch.png")
"""

from typing import TYPE_CHECKING

from portrait_client.batch import Report
from portrait_client.errors import PortraitError, RefusedError, UnavailableError
from portrait_client.folder import draw_folder
from portrait_client.local import LocalPortraits
from portrait_client.options import Options
from portrait_client.picture import Picture
from portrait_client.rest import AsyncPortraitClient, PortraitClient

if TYPE_CHECKING:
    from portrait_client.grpc_client import GrpcPortraitClient as GrpcPortraitClient  # another way to export it

__version__ = "1.0.0"

# Without GrpcPortraitClient: a star import must work where gRPC, an extra, is not installed.
__all__ = [
    "AsyncPortraitClient",
    "LocalPortraits",
    "Options",
    "Picture",
    "PortraitClient",
    "PortraitError",
    "RefusedError",
    "Report",
    "UnavailableError",
    "draw_folder",
]


def __getattr__(name: str) -> object:
    """Import `GrpcPortraitClient` when it is asked for. Raises `ModuleNotFoundError` without gRPC."""
    if name != "GrpcPortraitClient":
        raise AttributeError(f"module {__name__} has no attribute {name}")
    from portrait_client.grpc_client import GrpcPortraitClient

    return GrpcPortraitClient

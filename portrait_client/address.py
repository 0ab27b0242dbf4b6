"""Addresses of servers as people write them: with a path or without, with a scheme or without."""

import ipaddress
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

SERVER = "http://127.0.0.1:8080"
GRPC_SERVER = "127.0.0.1:7070"
_PREDICTIONS = "/predictions/"
_PATH = f"{_PREDICTIONS}portrait"


class Address(NamedTuple):
    """Where photos go by REST."""

    base: str  # scheme and host, what people know a server by
    path: str  # of the endpoint


def address_of(server: str) -> Address:
    """Return the address that `server` means: an origin, one below a path, or the endpoint's own with a version.

    Raises `ValueError` for what is no address.
    """
    url = split(server)
    path = url.path.rstrip("/")
    return Address(f"{url.scheme}://{url.netloc}", path if _PREDICTIONS in path else path + _PATH)


def split(server: str) -> SplitResult:
    """Return the parts of an address, http where no scheme is given. Raises `ValueError` for what is no address."""
    try:
        url = urlsplit(server if "://" in server else f"http://{server}")
        if not url.hostname or url.scheme not in ("http", "https") or url.port == 0:
            raise ValueError
    except ValueError:  # of urlsplit and of .port, too
        raise ValueError(f"{server}: no address of a server, which looks like {SERVER}") from None
    return url


def is_loopback(server: str) -> bool:
    """Whether the host of an address is this machine."""
    host = split(server).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

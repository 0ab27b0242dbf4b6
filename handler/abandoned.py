"""Whether the client of a request that waited is still there, so that no worker draws for nobody.

TorchServe keeps a request whose client has left, and with one photo at a time its clientTimeoutInMills looks at the
answer alone. The proxy says by which connection a request came (deploy/nginx/nginx.conf); the kernel, which the
proxy shares with the workers, says whether that is still open.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

HEADER = "x-portrait-connection"  # port of the client, colon, port of the proxy
TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))

_ESTABLISHED, _LISTEN = "01", "0A"  # proc(5); a client that has closed leaves CLOSE_WAIT or nothing


class _Socket(NamedTuple):
    local: int  # ports
    remote: int
    state: str


def has_left(headers: Mapping[str, Any], tables: Sequence[Path] = TABLES) -> bool:
    """Whether the connection that the proxy names is closed; False where nothing is known.

    So it is without a proxy, over gRPC, and where the proxy has a network of its own.
    """
    named = next((value for name, value in headers.items() if name.lower() == HEADER), None)
    ports = re.fullmatch(r"(\d{1,5}):(\d{1,5})", named) if isinstance(named, str) else None
    if ports is None:
        return False
    client, proxy = map(int, ports.groups())
    sockets = [socket for socket in _sockets(tables) if socket.local == proxy]
    listens = any(socket.state == _LISTEN for socket in sockets)
    return listens and not any(socket[1:] == (client, _ESTABLISHED) for socket in sockets)


def _sockets(tables: Sequence[Path]) -> Iterator[_Socket]:
    for table in tables:
        try:
            lines = table.read_text().splitlines()[1:]
        except OSError:  # no such kernel, or no IPv6
            continue
        for _, local, remote, state, *_ in map(str.split, lines):
            yield _Socket(int(local.rpartition(":")[2], 16), int(remote.rpartition(":")[2], 16), state)

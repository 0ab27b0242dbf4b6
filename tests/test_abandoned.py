"""Requests whose client has left: found out by the connection that the proxy names."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from handler.abandoned import has_left


@pytest.fixture
def connected() -> Iterator[tuple[socket.socket, socket.socket, str]]:
    """Yield both ends of a connection to a port that listens, the client's first, and what the proxy says of it."""
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket() as client:
        client.connect(listening.getsockname())
        accepted, _ = listening.accept()
        with accepted:
            yield client, accepted, f"{client.getsockname()[1]}:{listening.getsockname()[1]}"


def test_a_client_that_waits_has_not_left(connected: tuple[socket.socket, socket.socket, str]) -> None:
    assert not has_left({"X-Portrait-Connection": connected[2]})


def test_a_client_that_closed_has_left(connected: tuple[socket.socket, socket.socket, str]) -> None:
    client, accepted, ports = connected
    client.close()
    assert has_left({"x-portrait-connection": ports})
    accepted.close()
    assert has_left({"x-portrait-connection": ports})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Portrait-Connection": "51234:1"},  # nothing listens there: the proxy has a network of its own
        {"X-Portrait-Connection": "from here"},
        {"X-Portrait-Connection": {"content-type": "image/png"}},
    ],
)
def test_nobody_has_left_where_nothing_is_known(headers: dict[str, object]) -> None:
    assert not has_left(headers)


def test_without_the_kernels_tables_nobody_has_left(
    connected: tuple[socket.socket, socket.socket, str], tmp_path: Path
) -> None:
    connected[0].close()
    assert not has_left({"X-Portrait-Connection": connected[2]}, [tmp_path / "tcp"])

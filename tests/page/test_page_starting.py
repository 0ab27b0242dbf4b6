"""How the page is started and stopped."""

import socket
from pathlib import Path

import pytest

from scripts.serving.errors import SetupError
from scripts.serving.page import check_page_port, start_page, stop_page
from scripts.serving.settings import HOST
from scripts.serving.state import group_members
from tests.tools.serving import free_ports


def test_a_port_in_use_is_told() -> None:
    ports = free_ports()
    with (
        socket.create_server((HOST, ports.page)),
        pytest.raises(SetupError, match=f"Port {ports.page}, the page's, is in use .* --port-offset"),
    ):
        check_page_port(ports)


def test_stopping_leaves_no_process(tmp_path: Path) -> None:
    process = start_page(tmp_path, free_ports(), tied=True)
    assert stop_page(tmp_path)
    process.wait()
    assert group_members(process.pid) == []
    assert not stop_page(tmp_path)

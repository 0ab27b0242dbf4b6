"""Debian's nginx with deploy/nginx in front of a TorchServe, on free ports of this machine."""

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import grpc

from scripts.serving.paths import BUILD, ROOT
from scripts.serving.settings import HOST, Ports
from tests.tools.serving import LARGE_MESSAGES

DEPLOY = ROOT / "deploy" / "nginx"
PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:{BUILD / 'nginx' / 'usr' / 'sbin'}"
NGINX = shutil.which("nginx", path=PATH)
DESCRIPTION = ("openapi.yaml", "api.html")  # of docs


@dataclass(frozen=True)
class Proxy:
    """A running nginx."""

    ports: Mapping[int, int]  # the one in deploy/nginx -> the one here
    process: "subprocess.Popen[bytes]"
    certificate: Path
    log: Path  # a line of JSON for each request

    def url(self, path: str, port: int = 8000) -> str:
        """Of a path on one of its ports."""
        return f"{'https' if port == 8443 else 'http'}://localhost:{self.ports[port]}{path}"

    def channel(self, port: int = 7000) -> grpc.Channel:
        """For gRPC; close it after use."""
        target = f"localhost:{self.ports[port]}"
        if port != 8443:
            return grpc.insecure_channel(target, options=LARGE_MESSAGES)
        trust = grpc.ssl_channel_credentials(self.certificate.read_bytes())
        return grpc.secure_channel(target, trust, options=LARGE_MESSAGES)

    def stop(self) -> None:
        """SIGTERM, then wait."""
        self.process.terminate()
        self.process.wait(timeout=10)


def start_proxy(
    folder: Path,
    upstream: Ports,
    keys: str = "default anybody;\n",
    origins: str = "",
    seconds: Mapping[str, int] | None = None,
    output: int | None = None,
    page: bool = False,
    address: str | None = None,
) -> Proxy:
    """nginx with deploy/nginx as it stands but for ports and paths.

    `keys`, `origins`: the text of a file of them. `seconds`: time-outs by directive, for tests that cannot wait.
    `output`: where what it prints goes; without one, faults to this process's. `page`: it is there as well.
    `address`: of a host of its own, on which the ports are as they stand.
    """
    ports = {listed: listed if address else _free_port() for listed in (8000, 7000, 8002, 8443)}
    configuration = _lay_out(folder, address or HOST, ports, upstream, seconds or {})
    if page:
        shutil.copytree(ROOT / "web" / "static", folder / "page")
    for name, text in {"keys": keys, "origins": origins}.items():
        (folder / name).mkdir()
        (folder / name / "clients.map").write_text(text)
    _make_certificate(folder / "tls")
    printed = subprocess.DEVNULL if output is None else output
    command = [*_command(folder, configuration), "-g", _globals()]
    process = subprocess.Popen(command, stdout=printed, stderr=output)
    for port in ports.values():
        _wait_for(address or HOST, port, process)
    return Proxy(ports, process, folder / "tls" / "tls.crt", folder / "access.log")


def _command(folder: Path, configuration: Path) -> list[str]:
    return [NGINX or "nginx", "-e", "stderr", "-p", str(folder), "-c", str(configuration)]


def _globals() -> str:
    # As root, nginx would give its workers to nobody, who cannot enter this folder.
    return "daemon off;" + (" user root;" if os.geteuid() == 0 else "")


def _lay_out(folder: Path, address: str, ports: Mapping[int, int], upstream: Ports, seconds: Mapping[str, int]) -> Path:
    """Copy deploy/nginx to where it goes below `folder` instead of /etc/nginx; returns nginx.conf."""
    shutil.copytree(DEPLOY, folder / "portrait", ignore=shutil.ignore_patterns("tls"))
    shutil.copytree(DEPLOY / "tls", folder / "tls")
    (folder / "api").mkdir()
    for name in DESCRIPTION:
        shutil.copy(ROOT / "docs" / name, folder / "api")
    changes = {" /tmp/": f" {folder}/", "/etc/nginx/": f"{folder}/", "/var/log/nginx/": f"{folder}/"}
    changes |= {f"listen {listed}": f"listen {address}:{port}" for listed, port in ports.items()}
    doors = {8080: upstream.rest, 7070: upstream.grpc, 8082: upstream.metrics}
    changes |= {f"server {HOST}:{listed}": f"server {HOST}:{port}" for listed, port in doors.items()}
    changes[f"{HOST}:8090"] = f"{HOST}:{_free_port()}"
    files = [*(folder / "portrait").glob("*.conf"), *(folder / "tls").glob("*.conf")]
    for file in files:
        text = file.read_text()
        for old, new in changes.items():
            text = text.replace(old, new)
        for directive, number in seconds.items():
            text = re.sub(rf"\b{directive} \d+s;", f"{directive} {number}s;", text)
        file.write_text(text)
    return folder / "portrait" / "nginx.conf"


def _make_certificate(folder: Path) -> None:
    files = ["-keyout", str(folder / "tls.key"), "-out", str(folder / "tls.crt")]
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    subprocess.run(["openssl", "req", *kind, *subject, *files], check=True, capture_output=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(address: str, port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 10
    while True:
        with socket.socket() as probe:
            if probe.connect_ex((address, port)) == 0:
                return
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"nginx does not listen on port {port}")
        time.sleep(0.05)

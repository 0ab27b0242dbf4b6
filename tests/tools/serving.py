"""Ports, addresses and gRPC stubs for tests that talk to a real TorchServe."""

import importlib
import random
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import grpc
import grpc_tools
import requests
import ts
from grpc_tools import protoc

from scripts.serving.management import ServedModel, describe
from scripts.serving.readiness import wait_until_ready
from scripts.serving.server import Run, is_free, start, stop
from scripts.serving.settings import HOST, Ports

PROTOS = ("inference.proto", "management.proto", "google/rpc/status.proto")
# Pictures are larger than the 4 MiB that gRPC clients take by default.
LARGE_MESSAGES = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


@dataclass(frozen=True)
class Server:
    """Addresses of a running server."""

    run: Run

    @property
    def rest(self) -> str:
        """http://HOST:PORT of the inference API."""
        return f"http://{HOST}:{self.run.ports.rest}"

    @property
    def predictions(self) -> str:
        """Where photos go."""
        return f"{self.rest}/predictions/portrait"

    @property
    def management(self) -> str:
        """http://HOST:PORT of the management API."""
        return f"http://{HOST}:{self.run.ports.management}"

    @property
    def metrics(self) -> str:
        """http://HOST:PORT of the metrics API."""
        return f"http://{HOST}:{self.run.ports.metrics}"

    def model(self) -> ServedModel:
        """Return what the management API says of the model and its workers."""
        return describe(self.run.folder)

    def scale(self, workers: int) -> None:
        """Have that many workers; returns once they are there."""
        sizes = {"min_worker": str(workers), "max_worker": str(workers), "synchronous": "true"}
        requests.put(f"{self.management}/models/portrait", params=sizes, timeout=300).raise_for_status()

    def grpc_channel(self) -> grpc.Channel:
        """To the inference service; close it after use."""
        return grpc.insecure_channel(f"{HOST}:{self.run.ports.grpc}", options=LARGE_MESSAGES)

    def grpc_management_channel(self) -> grpc.Channel:
        """To the management service; close it after use."""
        return grpc.insecure_channel(f"{HOST}:{self.run.ports.grpc_management}", options=LARGE_MESSAGES)


@dataclass(frozen=True)
class Stubs:
    """Generated modules: messages, and services that end in `_grpc`."""

    inference: ModuleType
    inference_grpc: ModuleType
    management: ModuleType
    management_grpc: ModuleType


@contextmanager
def serving(run: Run) -> Iterator[Server]:
    """Yield a server that is ready within the block and gone, with its workers, after it."""
    process = start(run, tied=True)
    try:
        wait_until_ready(run, process)
        yield Server(run)
    finally:
        stop(run.folder)
        process.wait()


def free_ports() -> Ports:
    """Ports that nothing listens on, below those that the kernel hands out."""
    for offset in random.sample(range(1000, 23000, 50), 100):
        ports = Ports.at(offset)
        if all(is_free(port) for port in ports.listening()):
            return ports
    raise RuntimeError("no free ports found in 100 tries")


def make_stubs(folder: Path) -> Stubs:
    """Unzip the protos from TorchServe's jar into `folder`, compile them there and import the result."""
    with zipfile.ZipFile(Path(ts.__file__).parent / "frontend" / "model-server.jar") as jar:
        for name in PROTOS:
            jar.extract(name, folder)
    well_known = Path(grpc_tools.__file__).parent / "_proto"
    arguments = ["protoc", f"-I{folder}", f"-I{well_known}", f"--python_out={folder}", f"--grpc_python_out={folder}"]
    if protoc.main([*arguments, *PROTOS]):
        raise RuntimeError("protoc refused TorchServe's protos")
    sys.path.insert(0, str(folder))
    try:
        names = ("inference_pb2", "inference_pb2_grpc", "management_pb2", "management_pb2_grpc")
        return Stubs(*(importlib.import_module(name) for name in names))
    finally:
        sys.path.remove(str(folder))

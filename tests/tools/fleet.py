"""Three hosts in network namespaces: two nodes, each TorchServe behind nginx, and HAProxy in front of them.

One wire joins this process and the front, one the front and each node; the nodes reach nobody else.
"""

import ctypes
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import psutil
import requests

from scripts.serving.java import ensure_java
from scripts.serving.machine import Arrangement
from scripts.serving.paths import BUILD, ROOT
from scripts.serving.server import Run
from scripts.serving.settings import Ports
from scripts.serving.state import group_members, read_state
from tests.tools.proxy import Proxy, start_proxy
from tests.tools.serving import LARGE_MESSAGES, Server, serving

DEPLOY = ROOT / "deploy" / "haproxy"
_FETCHED = BUILD / "haproxy" / "usr"
PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:{_FETCHED / 'sbin'}:{_FETCHED / 'bin'}"
HAPROXY = shutil.which("haproxy", path=PATH)
SOCAT = shutil.which("socat", path=PATH)
LISTED = {"a": "10.0.0.11", "b": "10.0.0.12"}  # addresses in haproxy.cfg and docs/fleet.md
_FIRST = os.getpid() % 85 * 3  # so that tests may run beside each other
# 198.18 is for tests of networks (RFC 2544).
HERE = {name: f"198.18.{_FIRST + number}.2" for number, name in enumerate(("front", "a", "b"))}
_ADDRESSES = {LISTED[name]: HERE[name] for name in LISTED}
_CLONE_NEWNET = 0x40000000  # linux/sched.h
_LIBC = ctypes.CDLL(None, use_errno=True)


class NoNamespacesError(Exception):
    """None can be made here; the message tells why."""


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    if done.returncode:
        raise NoNamespacesError(f"ip {' '.join(words)}: {done.stderr.strip()}")


@dataclass(frozen=True)
class Host:
    """A network namespace with a loopback of its own."""

    name: str  # as in HERE
    namespace: str

    @property
    def address(self) -> str:
        """Where the others reach it."""
        return HERE[self.name]

    @property
    def gateway(self) -> str:
        """Where this host reaches the one that it is wired to: the front, for a node."""
        return f"{self.address.rpartition('.')[0]}.1"

    def running(self, *command: str) -> list[str]:
        """Return what runs a command on this host."""
        return ["ip", "netns", "exec", self.namespace, *command]

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Have this thread, and what it starts, on this host for the block."""
        with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{self.namespace}") as there:
            _enter(there.fileno())
            try:
                yield
            finally:
                _enter(home.fileno())


def _enter(namespace: int) -> None:
    if _LIBC.setns(namespace, _CLONE_NEWNET):  # os.setns is there from Python 3.12 on
        raise OSError(ctypes.get_errno(), "setns")


@contextmanager
def hosts() -> Iterator[dict[str, Host]]:
    """Yield front, a and b, wired; raises `NoNamespacesError` where that is not allowed."""
    made = {name: Host(name, f"portrait-{os.getpid()}-{name}") for name in HERE}
    with ExitStack() as stack:
        for host in made.values():
            _ip("netns", "add", host.namespace)
            stack.callback(_ip, "netns", "del", host.namespace)
            _ip("-n", host.namespace, "link", "set", "lo", "up")
        front = made["front"].namespace
        for number, (near, far) in enumerate(((None, "front"), (front, "a"), (front, "b"))):
            _wire(f"198.18.{_FIRST + number}", near, made[far].namespace, f"pt{os.getpid()}{far[0]}")
        yield made


def _wire(network: str, near: str | None, far: str, name: str) -> None:
    """Join two namespaces, .1 the near end and .2 the far one; without `near`, this process's is meant."""
    inside = ["-n", near] if near else []
    _ip(*inside, "link", "add", name, "type", "veth", "peer", "name", "upward", "netns", far)
    for there, end, number in ((inside, name, 1), (["-n", far], "upward", 2)):
        _ip(*there, "address", "add", f"{network}.{number}/30", "dev", end)
        _ip(*there, "link", "set", end, "up")


class Node:
    """TorchServe with one worker on one thread, and nginx on the address that the front reaches."""

    def __init__(self, host: Host, java: Path, folder: Path) -> None:
        self.host = host
        self._java, self._folder = java, folder
        self._starts = 0
        self._running = ExitStack()
        self.server: Server
        self.proxy: Proxy

    def start(self, archive: Path) -> None:
        """Serve `archive`; ready when this returns. The thread that calls this has to stay as long as the node."""
        self._starts += 1
        folder = self._folder / str(self._starts)
        run = Run(Ports(), Arrangement(1, 1), False, archive, self._java, folder)
        with self.host.inside():
            self.server = self._running.enter_context(serving(run))
            self.proxy = start_proxy(folder, run.ports, address=self.host.address)
            self._running.callback(self.proxy.stop)

    def ask(self, photo: bytes) -> requests.Response:
        """Have this node draw, past HAProxy."""
        with self.host.inside():
            return requests.post(f"http://{self.host.address}:8000/predictions/portrait", data=photo, timeout=120)

    def stop(self) -> None:
        """End both, whatever state they are in."""
        if self._starts:
            self.signal(signal.SIGCONT)
        self._running.close()

    def signal(self, number: int) -> None:
        """Send it to every process of this host."""
        state = read_state(self.server.run.folder)
        pids = group_members(state.pid) if state else []
        nginx = psutil.Process(self.proxy.process.pid) if self.proxy.process.poll() is None else None
        pids += [process.pid for process in (nginx, *nginx.children())] if nginx else []
        for pid in pids:
            os.kill(pid, number)


@contextmanager
def two_nodes(archive: Path, folder: Path) -> Iterator[tuple[Host, Node, Node]]:
    """Yield the host of the front, and nodes a and b that draw; raises `NoNamespacesError` as `hosts` does.

    They keep their files in `folder`, where the front has a folder of its own.
    """
    (folder / "front").mkdir()
    with ExitStack() as stack:
        made = stack.enter_context(hosts())
        a, b = (Node(made[name], ensure_java(), folder / name) for name in LISTED)
        for node in (a, b):
            stack.callback(node.stop)
        starting = stack.enter_context(ThreadPoolExecutor(2))  # its threads stay as long as the nodes
        for started in [starting.submit(node.start, archive) for node in (a, b)]:
            started.result()
        yield made["front"], a, b


@dataclass(frozen=True)
class Front:
    """A running HAProxy."""

    host: Host
    folder: Path  # where its socket and its map are

    @property
    def url(self) -> str:
        """Where photos go, as this process reaches it."""
        return f"http://{self.host.address}:8000/predictions/portrait"

    def bash(self, code: str) -> str:
        """Return what a reader of docs/fleet.md sees who runs `code` on this host, beside a photo.jpg."""
        changes = {"/run/haproxy": str(self.folder), "/etc/haproxy": str(self.folder), **_ADDRESSES}
        command = self.host.running("bash", "-euo", "pipefail", "-c", _changed(code, changes))
        done = subprocess.run(command, cwd=self.folder, env=_environment(), capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def channel(self) -> grpc.Channel:
        """For gRPC; close it after use."""
        return grpc.insecure_channel(f"{self.host.address}:7000", options=LARGE_MESSAGES)

    def state(self, name: str) -> str:
        """Return what HAProxy holds of a node: UP, DOWN, DRAIN and what lies between."""
        return self._row(name)[17]

    def under_way(self, name: str) -> int:
        """Return how many requests a node has."""
        return int(self._row(name)[4])

    def tried_again(self, name: str) -> int:
        """Return how many requests were sent once more that a node had had."""
        return int(self._row(name)[15])

    def _row(self, name: str) -> list[str]:
        """Return HAProxy's figures of a node; its management guide, 9.1, says which is which."""
        rows = [line.split(",") for line in self.ask("show stat").splitlines()]
        return next(row for row in rows if row[:2] == ["rest", name])

    def wait_for(self, name: str, state: str, seconds: float = 90.0) -> None:
        """Until a node is in that state."""
        deadline = time.monotonic() + seconds
        while (found := self.state(name)) != state:
            assert time.monotonic() < deadline, f"{name} is {found}"
            time.sleep(0.2)

    def ask(self, command: str) -> str:
        """Return the answer to a command on its socket."""
        return self.bash(f"echo '{command}' | socat - /run/haproxy/portrait.sock")


@contextmanager
def balancing(host: Host, folder: Path, seconds: Mapping[str, int]) -> Iterator[Front]:
    """HAProxy with deploy/haproxy as it stands but for paths, addresses and `seconds`, time-outs by their names."""
    own = {"/run/haproxy": str(folder), "/etc/haproxy": str(folder), "    user haproxy\n    group haproxy\n": ""}
    own["maxconn 3"] = "maxconn 2"  # nodes here have one worker
    text = _changed((DEPLOY / "haproxy.cfg").read_text(), own | _ADDRESSES)
    for name, number in seconds.items():
        text, found = re.subn(rf"\b{name} \d+s\b", f"{name} {number}s", text)
        assert found, name
    (folder / "haproxy.cfg").write_text(text)
    shutil.copy(DEPLOY / "canary.map", folder)
    with host.inside(), (folder / "haproxy.log").open("wb") as log:
        command = [HAPROXY or "haproxy", "-db", "-f", str(folder / "haproxy.cfg")]
        process = subprocess.Popen(command, env=_environment(), stdout=log, stderr=log)
    try:
        while process.poll() is None and not (folder / "portrait.sock").exists():
            time.sleep(0.05)
        yield Front(host, folder)
    finally:
        process.terminate()
        process.wait(timeout=20)


def _changed(text: str, changes: Mapping[str, str]) -> str:
    for old, new in changes.items():
        text = text.replace(old, new)
    return text


def _environment() -> dict[str, str]:
    libraries = ":".join(map(str, _FETCHED.glob("lib/*-linux-gnu")))
    return os.environ | {"PATH": PATH, "LD_LIBRARY_PATH": libraries, "PORTRAIT_KEY": "of-the-canary"}

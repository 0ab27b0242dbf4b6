"""Runs an image as a container without a daemon: its own processes, a read-only root, no privileges.

The network is this machine's. Needs root to set up; what runs inside never has it.
"""

import contextlib
import json
import os
import shlex
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Run in namespaces of mounts and processes of its own; $1 is the root, $2 the user and group, $3 what is writable.
PREPARE = r"""
set -eu
root=$1 user=$2 writable=$3
shift 3
mount --make-rprivate /
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount -t tmpfs -o mode=755 dev "$root/dev"
mkdir -m 1777 "$root/dev/shm"
for name in null zero random urandom; do
    touch "$root/dev/$name"
    mount --bind "/dev/$name" "$root/dev/$name"
done
mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
for path in $writable; do
    mount -t tmpfs -o "nosuid,nodev,mode=700,uid=${user%:*},gid=${user#*:}" portrait "$root$path"
done
mount -o remount,bind,ro "$root"
exec setpriv --no-new-privs chroot --userspec="$user" "$root" "$@"
"""


@dataclass(frozen=True)
class Container:
    """A running image."""

    root: Path
    config: dict[str, Any]
    unshare: "subprocess.Popen[bytes]"

    @property
    def first(self) -> int:
        """The container's process 1, by this machine's number."""
        return int(Path(f"/proc/{self.unshare.pid}/task/{self.unshare.pid}/children").read_text().split()[0])

    def run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """Run a command inside, as the image's user, as `docker exec` does."""
        enter = ["nsenter", f"--target={self.first}", "--mount", "--pid", "chroot", f"--userspec={self.config['User']}"]
        inside = [*enter, str(self.root), *_in_environment(self.config), *command]
        return subprocess.run(inside, capture_output=True, text=True, timeout=60)

    def health(self) -> "subprocess.CompletedProcess[str]":
        """Return what the image's own HEALTHCHECK says."""
        kind, *command = self.config["Healthcheck"]["Test"]
        if kind != "CMD":
            raise ValueError(f"a health check of kind CMD was expected, got {kind}")
        return self.run(*command)

    def keys(self) -> dict[str, dict[str, str]]:
        """TorchServe's keys, as an operator reads them."""
        keys: dict[str, dict[str, str]] = json.loads(self.run("cat", "/var/lib/portrait/key_file.json").stdout)
        return keys

    def processes(self) -> list[int]:
        """All that run inside, by this machine's numbers."""
        space = os.readlink(f"/proc/{self.first}/ns/pid")
        return [int(name) for name in os.listdir("/proc") if name.isdigit() and _pid_space(name) == space]

    def stop(self) -> float:
        """SIGTERM to process 1; seconds until nothing of the container is left."""
        began = time.monotonic()
        os.kill(self.first, getattr(signal, self.config["StopSignal"]))
        self.unshare.wait(timeout=60)
        return time.monotonic() - began

    def kill(self) -> None:
        """End it whatever it does."""
        self.unshare.kill()
        self.unshare.wait(timeout=10)


def start(root: Path, config: dict[str, Any], log: Path, *arguments: str) -> Container:
    """Run the image's entry point with `arguments`; its output goes to `log`."""
    namespaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
    prepare = ["sh", "-c", PREPARE, "container", str(root), config["User"], " ".join(config["Volumes"])]
    command = [*namespaces, *prepare, *_in_environment(config), *config["Entrypoint"], *arguments]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    print(f"$ {shlex.join([*config['Entrypoint'], *arguments])}")
    container = Container(root, config, process)
    _wait_for_first(container, Path(config["Entrypoint"][0]).name)
    return container


def _wait_for_first(container: Container, name: str) -> None:
    """Until process 1 is the image's own program, no longer what prepares its mounts."""
    deadline = time.monotonic() + 30
    while container.unshare.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError, IndexError):
            if Path(f"/proc/{container.first}/comm").read_text().strip() == name:
                return
        time.sleep(0.05)
    container.kill()
    raise RuntimeError(f"the container did not come to run {name}")


def _in_environment(config: dict[str, Any]) -> list[str]:
    """Return the image's variables and no others, in its folder."""
    return ["/usr/bin/env", "-i", "-C", config["WorkingDir"], *config["Env"]]


def _pid_space(name: str) -> str:
    try:
        return os.readlink(f"/proc/{name}/ns/pid")
    except OSError:  # it ended, or is one that even root may not look at
        return ""

"""The published weights, through the Hugging Face Hub's own client: its cache, settings and tokens.

What arrives is compared with the SHA-256 that the hub states and with `weights.lock`.
"""

import logging
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path

import huggingface_hub
from huggingface_hub import constants, errors
from huggingface_hub.utils.tqdm import tqdm

from model.files import sha256_of
from model.weights.errors import WeightsError
from model.weights.hub_errors import HUB_ERRORS, NOT_THERE, explain
from model.weights.pin import Pin, read_lock, write_lock
from model.weights.stall import Watch, while_alive

_SHA256 = re.compile("[0-9a-f]{64}")
_COMMIT = re.compile("[0-9a-f]{40}")


@dataclass(frozen=True)
class HubFile:
    """A file on the hub; without a revision, the locked one or else the newest."""

    repository: str
    file: str
    revision: str | None = None  # commit, tag or branch

    def __str__(self) -> str:
        return f"{self.file} of {self.repository}" + (f" at {self.revision}" if self.revision else "")


PUBLISHED = HubFile("Maxwelltebi/u2net-portrait", "u2net_portrait.pth")


def fetch(asked: HubFile, lock: Path, update_lock: bool = False) -> tuple[Path, Pin]:
    """Return the file asked for, on this machine and checked, with what it is.

    Obeys `lock`; writes it where there is none, or where `update_lock` says so. The client's own
    settings hold (`HF_ENDPOINT`, `HF_HUB_OFFLINE`, `HF_HOME`, `HF_TOKEN`, proxies). Raises
    `WeightsError`, within 20 seconds where the hub does not answer.
    """
    pin = None if update_lock else read_lock(lock)
    if pin and (pin.repository, pin.file) != (asked.repository, asked.file):
        raise WeightsError(
            f"{lock.name}: locked to {pin.file} of {pin.repository}, asked for {asked}; "
            "ask for the locked one or change the lock with --update-lock"
        )
    revision = asked.revision or (pin.revision if pin else constants.DEFAULT_REVISION)
    wanted = HubFile(asked.repository, asked.file, revision)
    if "HF_HUB_VERBOSITY" not in os.environ:
        # one line for a failure, not one for each of its retries
        logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    try:
        path, stated = _obtain(wanted, pin)
    except HUB_ERRORS as error:
        raise WeightsError(explain(error, str(wanted))) from error
    found = _checked(path, wanted, stated or (pin.sha256 if pin else None))
    _obey(pin, found)
    if pin is None:
        write_lock(lock, found)
    return path, found


def _obtain(wanted: HubFile, pin: Pin | None) -> tuple[Path, str | None]:
    """-> the file in the client's cache, and the SHA-256 that the hub states for it, if any."""
    cached = _cached(wanted)
    if cached and _COMMIT.fullmatch(wanted.revision or ""):
        return cached, _blob_name(cached)
    try:
        stated = while_alive(lambda _: _stated(wanted))
    except HUB_ERRORS as error:
        if cached is None or isinstance(error, NOT_THERE):
            raise
        return cached, _blob_name(cached)
    _obey(pin, stated)  # before the download, not after 170 MB
    return while_alive(lambda watch: _download(wanted, watch)), stated.sha256


def _cached(wanted: HubFile) -> Path | None:
    path = huggingface_hub.try_to_load_from_cache(wanted.repository, wanted.file, revision=wanted.revision)
    return Path(path) if isinstance(path, str) else None


def _stated(wanted: HubFile) -> Pin:
    url = huggingface_hub.hf_hub_url(wanted.repository, wanted.file, revision=wanted.revision)
    answer = huggingface_hub.get_hf_file_metadata(url)
    if not answer.commit_hash or answer.size is None or not _SHA256.fullmatch(answer.etag or ""):
        raise errors.FileMetadataError(
            f"{constants.ENDPOINT} states no commit, size and SHA-256 for {wanted}: "
            "it is no hub, or the file is not stored with Git LFS or Xet"
        )
    return Pin(wanted.repository, answer.commit_hash, wanted.file, answer.size, str(answer.etag))


def _download(wanted: HubFile, watch: Watch) -> Path:
    class Bar(tqdm):
        def update(self, n: float | None = 1) -> bool | None:
            watch.tick()
            drawn: bool | None = super().update(n)
            return drawn

    # its 10 MB would make a slow line look dead, and a resumed download repeat them
    constants.DOWNLOAD_CHUNK_SIZE = 1 << 16
    path = huggingface_hub.hf_hub_download(wanted.repository, wanted.file, revision=wanted.revision, tqdm_class=Bar)
    return Path(path)


def _checked(path: Path, wanted: HubFile, stated: str | None) -> Pin:
    """-> what `path` is, if its bytes are the stated ones; otherwise it is deleted."""
    commit = path.parents[wanted.file.count("/")].name
    found = Pin(wanted.repository, commit, wanted.file, path.stat().st_size, sha256_of(path))
    if stated is None:
        raise WeightsError(f"hub: nothing states the SHA-256 of {wanted}; go online once to check it")
    if found.sha256 != stated:
        path.resolve().unlink()
        path.unlink(missing_ok=True)
        raise WeightsError(
            f"hub: {wanted} has SHA-256 {found.sha256}, stated is {stated}; "
            "it was deleted from the cache: fetch it again"
        )
    return found


def _blob_name(path: Path) -> str | None:
    """Return what the hub stated when `path` was downloaded: the cache names its blobs so."""
    name = Path(os.readlink(path)).name if path.is_symlink() else ""
    return name if _SHA256.fullmatch(name) else None


def _obey(pin: Pin | None, found: Pin) -> None:
    if pin is None or pin == found:
        return
    other = [
        f"{field} {value} instead of {locked}"
        for (field, value), locked in zip(asdict(found).items(), asdict(pin).values(), strict=True)
        if value != locked
    ]
    raise WeightsError(f"weights.lock: the hub has {', '.join(other)}; --update-lock accepts that, if you trust it")

"""The two small models that know a person, out of a pinned wheel of the Python Package Index.

MediaPipe 0.10.21 is the last release whose wheel carries them; `model/person/README.md` says what they are. pip fetches
the wheel, so its own settings hold: index, proxy, certificates, a folder of wheels (`PIP_INDEX_URL`, `HTTPS_PROXY`,
`PIP_CERT`, `PIP_FIND_LINKS`).
"""

import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from handler.module_info import FACE_FILE, PERSON_FILE
from model.files import move_into_place, sha256_of
from model.weights.errors import WeightsError

CACHE = Path(__file__).parents[2] / "build" / "person"
_LONGEST_S = 600  # for 35 MB; a slower line than half a megabit gets the wheel by hand, with PIP_FIND_LINKS
_SHOWN = 200  # characters of what pip says
_BROKEN = re.compile(r"connection broken by '(\w+)")


class Member(NamedTuple):
    """One file of a wheel, down to its bytes."""

    path: str
    sha256: str  # 64 hex digits

    @property
    def name(self) -> str:
        """The last part of the path."""
        return PurePosixPath(self.path).name


@dataclass(frozen=True)
class Wheel:
    """A wheel of one release, down to its bytes, and the files wanted from it.

    The files are data, the same in the wheel of every platform: this one is fetched wherever the build runs.
    """

    package: str
    version: str
    platform: str
    python: str
    sha256: str  # 64 hex digits
    members: tuple[Member, ...]

    def __str__(self) -> str:
        return f"{self.package}=={self.version}"


MEDIAPIPE = Wheel(
    "mediapipe",
    "0.10.21",
    "manylinux_2_28_x86_64",
    "311",
    "05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3",
    (
        Member(
            f"mediapipe/modules/selfie_segmentation/{PERSON_FILE}",
            "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c",
        ),
        Member(
            f"mediapipe/modules/face_detection/{FACE_FILE}",
            "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
        ),
    ),
)


def fetch(
    folder: Path = CACHE, wheel: Wheel = MEDIAPIPE, announce: Callable[[str], object] = lambda _: None
) -> tuple[Path, ...]:
    """Have the members of `wheel` in `folder`, checked; only what is missing or damaged there is fetched.

    `announce` is told before anything is downloaded. Raises `WeightsError` where the wheel cannot be fetched, or has
    other bytes than the pinned ones: then `folder` is as it was.
    """
    wanted = tuple(folder / member.name for member in wheel.members)
    if _are_there(folder, wheel):
        return wanted
    announce(f"Fetching the models of person and faces ({wheel}, 35 MB) ...")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".fetch.") as place:
        path = _download(wheel, Path(place))
        for member, target in zip(wheel.members, wanted, strict=True):
            move_into_place(_unpack(path, member, Path(place)), target)
    return wanted


def cached(folder: Path = CACHE, wheel: Wheel = MEDIAPIPE) -> tuple[Path, ...]:
    """Return what `fetch` has put into `folder`, whole and checked; empty where it has not. Asks no index."""
    return tuple(folder / member.name for member in wheel.members) if _are_there(folder, wheel) else ()


def _are_there(folder: Path, wheel: Wheel) -> bool:
    return all((folder / m.name).is_file() and sha256_of(folder / m.name) == m.sha256 for m in wheel.members)


def _download(wheel: Wheel, place: Path) -> Path:
    """-> the wheel in `place`, its bytes the pinned ones."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--no-input",
               "--disable-pip-version-check", "--timeout", "8", "--retries", "1", "--platform", wheel.platform,
               "--python-version", wheel.python, "--dest", str(place), str(wheel)]  # fmt: skip
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_LONGEST_S)
    except subprocess.TimeoutExpired:
        raise _unavailable(wheel, f"not there after {_LONGEST_S} s") from None
    path = next(place.glob("*.whl"), None)
    if done.returncode or path is None:
        raise _unavailable(wheel, _reason(done.stderr))
    if (found := sha256_of(path)) != wheel.sha256:
        raise WeightsError(
            f"person: the package index gave a {wheel} with SHA-256 {found}, pinned is {wheel.sha256}; "
            "it was deleted: ask another index (PIP_INDEX_URL)"
        )
    return path


def _unavailable(wheel: Wheel, reason: str) -> WeightsError:
    return WeightsError(
        f"person: could not get {wheel} with pip ({reason}); check the network, HTTPS_PROXY and PIP_INDEX_URL, "
        "or put the wheel into a folder and name it in PIP_FIND_LINKS"
    )


def _reason(output: str) -> str:
    """Return what pip says of its failure, in one line: why there was no connection, otherwise its last error."""
    if broken := _BROKEN.search(output):
        return f"no connection: {broken[1]}"
    lines = [line.strip() for line in output.splitlines() if line.strip()] or ["it gave no reason"]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (errors or lines)[-1][:_SHOWN]


def _unpack(wheel: Path, member: Member, place: Path) -> Path:
    """-> the member as a file in `place`, its bytes the pinned ones."""
    target = place / member.name
    try:
        with zipfile.ZipFile(wheel) as entries:
            target.write_bytes(entries.read(member.path))
    except (KeyError, zipfile.BadZipFile) as error:
        raise WeightsError(f"person: {wheel.name} has no {member.path} ({error})") from error
    if (found := sha256_of(target)) != member.sha256:
        raise WeightsError(f"person: {member.name} of {wheel.name} has SHA-256 {found}, pinned is {member.sha256}")
    return target

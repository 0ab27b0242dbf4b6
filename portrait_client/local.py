"""Portraits on this machine, without a server: the archive's network, the handler's own steps."""

import os
import tempfile
import zipfile
from pathlib import Path

import yaml

from handler.errors import RequestError
from handler.module_info import FORMS
from handler.pipeline import Pipeline, load_pipeline
from portrait_client.errors import PortraitError, RefusedError
from portrait_client.options import DEFAULTS, Options
from portrait_client.picture import Picture
from portrait_client.rest import picture_from


class LocalPortraits:
    """Draws in this process; the network uses all cores, so one photo at a time."""

    def __init__(self, archive: Path) -> None:
        """Load what a worker would load. Raises `PortraitError` for an archive that is none."""
        try:
            self._pipeline = _open(archive)
        except FileNotFoundError as error:
            raise PortraitError(0, "NoArchive", f"{archive} is not there; {_HOW_TO_BUILD}") from error
        except (zipfile.BadZipFile, KeyError, ValueError, RuntimeError) as error:
            raise PortraitError(0, "NoArchive", f"{archive} does not load ({error}); {_HOW_TO_BUILD}") from error

    def draw(self, photo: bytes, options: Options = DEFAULTS) -> Picture:
        """As `PortraitClient.draw`, with the same result. Raises `RefusedError`."""
        try:
            answer = self._pipeline.draw_one(photo, options.fields())
        except RequestError as error:
            raise RefusedError(int(error.status), str(error.body()["type"]), error.message) from error
        return picture_from(answer.body, answer.headers)


_HOW_TO_BUILD = "build it:  python -m scripts.build_archive --weights auto"


def _open(archive: Path) -> Pipeline:
    with zipfile.ZipFile(archive) as entries, tempfile.TemporaryDirectory() as folder:
        config = yaml.safe_load(entries.read("model-config.yaml"))
        entries.extractall(folder, [name for name in FORMS.values() if name in entries.namelist()])
        return load_pipeline(Path(folder), config, os.environ)

"""Portraits on this machine, without a server: the archive's network, the handler's own steps."""

import os
import tempfile
import zipfile
from pathlib import Path

import yaml

from handler.answer import portrait
from handler.errors import RequestError
from handler.inference import LineDrawer, load
from handler.module_info import FORMS
from handler.preprocess import prepare
from handler.request import parse_request
from handler.settings import Settings, parse_settings
from portrait_client.errors import PortraitError, RefusedError
from portrait_client.options import DEFAULTS, Options
from portrait_client.picture import Picture
from portrait_client.rest import picture_from


class LocalPortraits:
    """Draws in this process; the network uses all cores, so one photo at a time."""

    def __init__(self, archive: Path) -> None:
        """Load what a worker would load. Raises `PortraitError` for an archive that is none."""
        try:
            self._settings, self._drawer = _open(archive)
        except FileNotFoundError as error:
            raise PortraitError(0, "NoArchive", f"{archive} is not there; {_HOW_TO_BUILD}") from error
        except (zipfile.BadZipFile, KeyError, ValueError, RuntimeError) as error:
            raise PortraitError(0, "NoArchive", f"{archive} does not load ({error}); {_HOW_TO_BUILD}") from error

    def draw(self, photo: bytes, options: Options = DEFAULTS) -> Picture:
        """As `PortraitClient.draw`, with the same result. Raises `RefusedError`."""
        try:
            request = parse_request({"data": photo, **options.fields()}, {})
            job = prepare(request, self._settings.limits)
        except RequestError as error:
            raise RefusedError(int(error.status), str(error.body()["type"]), error.message) from error
        (lines,) = self._drawer.draw_lines([job.network_input])
        answer = portrait(job, lines, self._drawer.info.label, self._drawer.precision)
        return picture_from(answer.body, answer.headers)


_HOW_TO_BUILD = "build it:  python -m scripts.build_archive --weights auto"


def _open(archive: Path) -> tuple[Settings, LineDrawer]:
    with zipfile.ZipFile(archive) as entries, tempfile.TemporaryDirectory() as folder:
        config = yaml.safe_load(entries.read("model-config.yaml"))
        settings = parse_settings(config["handler"], os.environ)
        entries.extractall(folder, [name for name in FORMS.values() if name in entries.namelist()])
        return settings, load(Path(folder), "cpu", settings.precision, settings.threads)

"""HEIC by libheif and libde265, of which pi-heif is the wheel."""

import _pi_heif
import numpy as np
from PIL import Image

from handler.boxes import Still
from handler.colours import Declared
from handler.stored import Stored, with_colours

_THREADS = 1  # workers share the cores among themselves


def open_heic(data: bytes, still: Still) -> Stored:
    """Decode the primary picture, turned as the container says, which beats EXIF.

    Raises `ValueError` or `RuntimeError` for a damaged file.
    """
    # pi-heif's own classes read the metadata of every picture in the file, which may name the same 20 MB a thousand
    # times; what they are made of reads what is asked for. Hence the exact pin in requirements/server.in.
    # data, threads, to 8 bits, BGR, without stride, 16 bits, decoder, without libheif's limits
    pictures = _pi_heif.load_file(data, _THREADS, True, False, True, False, "", False)
    picture = next(one for one in pictures if one is not None and one.primary)
    _ = picture.data  # decodes; the size holds for what was decoded
    (width, height), mode = picture.size_mode

    def strip(top: int, bottom: int) -> Image.Image:
        # the memory lives as long as `picture`, not as long as what looks into it
        array = np.frombuffer(picture.data, np.uint8).reshape(height, -1)
        return Image.frombytes(mode, (width, bottom - top), array[top:bottom].tobytes())

    return with_colours((width, height), strip, _declared(picture.color_profile, still), mode)


def _declared(profile: dict[str, object], still: Still) -> Declared:
    """Let a profile beat numbers, which then name the matrix only (ISO/IEC 23000-22, 7.3.6.4)."""
    icc = profile.get("data") if profile and profile.get("type") in ("rICC", "prof") else None
    return Declared(icc=bytes(icc)) if isinstance(icc, bytes | memoryview) else Declared(cicp=still.cicp)

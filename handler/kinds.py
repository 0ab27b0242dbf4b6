"""What a file is that is no photo: told by its first bytes, with what to do about it."""

import re

PHOTOS = "JPEG, PNG, WebP, GIF, AVIF or HEIC"

_EXPORT = "save or export it as JPEG or PNG and send that"
_UNPACK = "unpack it and send one photo"
_STILL = "send one picture of it, as JPEG or PNG"
_DOWNLOAD = "download the photo and send its bytes"
_DECODE = 'send the bytes themselves, or JSON {"data": "<base64>"}'

# How far a file is looked at: declarations and comments may come before the tag that tells.
_HEAD = 1024

# (how the file begins, what it is, what to do), the first that matches tells. The signatures are those of the
# formats' own specifications, as https://en.wikipedia.org/wiki/List_of_file_signatures lists them; 0xc612 is the
# TIFF tag DNGVersion.
_BINARY = (
    (rb"%PDF-", "a PDF", _EXPORT),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "PostScript", _EXPORT),
    (rb"II\*\0.{4}CR\x02|II(RO|RS|U\0)|MMOR|FUJIFILMCCD-RAW|FOVb|.{4}ftypcrx ", "a camera's raw photo", _EXPORT),
    (rb"II\*\0.*\x12\xc6\x01\0\x04\0\0\0|MM\0\*.*\xc6\x12\0\x01\0\0\0\x04", "a camera's raw photo (DNG)", _EXPORT),
    (rb"(II\*\0|MM\0\*).*(NIKON|SONY|PENTAX)", "a camera's raw photo", _EXPORT),
    (rb"II[*+]\0|MM\0[*+]", "a TIFF", _EXPORT),
    (rb"BM.{4}\0{4}", "a BMP", _EXPORT),
    (rb"8BPS", "a Photoshop file", _EXPORT),
    (rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL", _EXPORT),
    (rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51", "a JPEG 2000", _EXPORT),
    (rb"\0\0[\x01\x02]\0[^\0]\0", "an icon", _EXPORT),
    (rb".{4}ftyp(?!hei[cxms]|hev[cmsx]|mif1|msf1|avi[fs])", "a video", _STILL),
    (rb".{4}(moov|mdat|wide|skip|free)", "a video", _STILL),
    (rb"\x1a\x45\xdf\xa3|RIFF.{4}AVI |FLV\x01|\0\0\x01[\xba\xb3]|0&\xb2\x75\x8e\x66\xcf\x11|OggS", "a video", _STILL),
    (rb"ID3|fLaC|RIFF.{4}WAVE", "a sound", f"send a {PHOTOS}"),
    (rb"PK(\x03\x04|\x05\x06|\x07\x08)", "a ZIP archive, or a document that is one inside", _UNPACK),
    (rb"\x1f\x8b|7z\xbc\xaf\x27\x1c|Rar!\x1a\x07|BZh[1-9]|\xfd7zXZ\0|\x28\xb5\x2f\xfd", "an archive", _UNPACK),
)

# The same of texts, told without their byte order mark and leading space. The base64 is that of the beginnings of
# JPEG, PNG, GIF, RIFF and of `ftyp`.
_TEXT = (
    (rb"<[^\0]*?<?svg[\s>:]", "an SVG drawing", "export it as PNG and send that"),
    (rb"<(!doctype html|html|head|body|!--|script|div|img|p>)", "an HTML page", _DOWNLOAD),
    (rb"<\?xml|<!doctype", "XML", f"send a {PHOTOS}"),
    (rb"(https?|ftp|file|s3|gs)://|www\.", "an address", _DOWNLOAD),
    (rb"data:[^,]{0,100},", "a data URL", _DECODE),
    (rb"[{\[]\s*([\"\[\]{}]|-?\d)", "JSON", 'send it as application/json, {"data": "<base64>"}'),
    (rb"(?-i:/9j/|iVBORw0KGgo|R0lGOD|UklGR|AAAA.GZ0eXB)[a-z0-9+/=\s_-]*$", "base64 text", _DECODE),
)


def other_kind(data: bytes) -> str | None:
    """Return what `data` is and what to do about it, in a sentence; None where its beginning is unknown."""
    head = data[:_HEAD]
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for table, start, flags in ((_BINARY, head, re.DOTALL), (_TEXT, text, re.DOTALL | re.IGNORECASE)):
        for pattern, name, advice in table:
            if re.match(pattern, start, flags):
                return f"this is {name}; {advice}"
    return None

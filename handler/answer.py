"""What the client gets: a picture with the headers that tell about it, or what is wrong."""

import json
from http import HTTPStatus
from typing import NamedTuple

from handler.arrays import Picture
from handler.errors import RequestError
from handler.options import MEDIA_TYPES
from handler.postprocess import encode
from handler.preprocess import Job


class Answer(NamedTuple):
    """One answer on its way out."""

    status: HTTPStatus
    body: bytes
    headers: dict[str, str]


def portrait(job: Job, picture: Picture, weights: str, precision: str) -> Answer:
    """Encode a job's picture; `weights` and `precision` tell how its line map was made."""
    height, width = picture.shape[:2]
    headers = {
        "Content-Type": MEDIA_TYPES[job.options.format],
        "Portrait-Style": job.options.style,
        "Portrait-Size": f"{width}x{height}",
        "Portrait-Weights": weights,
        "Portrait-Precision": precision,
    }
    if job.faces is not None:
        headers["Portrait-Faces"] = str(job.faces)
    return Answer(HTTPStatus.OK, encode(picture, job.options.format), headers)


def refusal(error: RequestError) -> Answer:
    """Return the error in the shape of TorchServe's own, as JSON."""
    body = json.dumps(error.body()).encode()
    return Answer(error.status, body, {"Content-Type": "application/json"})

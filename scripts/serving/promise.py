"""How many requests may wait and how long a worker may take, by what a photo takes on this machine."""

import math
from dataclasses import dataclass

from scripts.serving.arguments import MAX_WAIT
from scripts.serving.machine import JAVA_BYTES, WORKER_BYTES, Arrangement

SHARED_THREADS = 4  # that a photo takes at most (THREADS in handler/cores.py)
# A photo of 65 megapixels, drawn with 4096 in the dearest style, takes twice as long as the one that is measured (3.9
# and 2.0 s of a Zen 3's core) with the embedded weights, the fastest network and so the largest ratio. Three times
# that is a worker that hangs.
LARGEST_PHOTO, HANGS = 2, 3
LEAST_RESPONSE, MOST_RESPONSE = 20, 50  # seconds; the proxy gives up after 60
# TorchServe holds each waiting request twice, of at most 28 MiB (max_request_size), and needs room for answers.
PLACE_MB, ROOM_MB = 56, 416
JAVA_ITSELF_MB = 200


@dataclass(frozen=True)
class Promise:
    """What TorchServe is told; as it stands, what config.properties and handler/model-config.yaml say."""

    places: int = 20  # of the queue
    response_seconds: int = 30  # until a worker counts as hung
    heap_mb: int = 1536  # of Java


BY_HAND = Promise()


def promise(photo_seconds: float, arrangement: Arrangement, memory: int, max_wait: float = MAX_WAIT) -> Promise:
    """Return as many places as are worked off within `max_wait` seconds, fewer where `memory`, in bytes, is short.

    `photo_seconds` is the time of a dear photo that has the machine to itself: with more at a time, each takes longer,
    but together they are not slower.
    """
    at_once = max(1, min(arrangement.workers, arrangement.threads // SHARED_THREADS))
    fitting = max(Promise.places, (_heap_limit_mb(arrangement, memory) - ROOM_MB) // PLACE_MB)
    places = min(max(1, math.floor(max_wait * at_once / photo_seconds)), fitting)
    response = math.ceil(photo_seconds * LARGEST_PHOTO * HANGS)
    return Promise(
        places, min(max(response, LEAST_RESPONSE), MOST_RESPONSE), max(Promise.heap_mb, places * PLACE_MB + ROOM_MB)
    )


def _heap_limit_mb(arrangement: Arrangement, memory: int) -> int:
    """Return what Java may have beside the workers."""
    return max(JAVA_BYTES, memory - arrangement.workers * WORKER_BYTES) // 2**20 - JAVA_ITSELF_MB

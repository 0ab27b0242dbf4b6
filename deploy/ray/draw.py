"""Draws an archive of photos: python -m deploy.ray.draw SRC DST.

SRC and DST are folders, or addresses that fsspec opens (s3://bucket/photos). The same command draws on this machine
and, with --address auto, on all nodes of a Ray cluster. Whatever stopped it, started again it goes on where it was.
"""

import argparse
import json
import logging
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path, PurePosixPath

import numpy as np
import ray
import ray.data
from tqdm import tqdm

import deploy
import portrait_client
from deploy.ray.actor import Archive, Drawer, load
from deploy.ray.manifest import Line, begin, read_lines, shard_of
from deploy.ray.store import Store, StoreError
from deploy.ray.summary import Summary
from portrait_client.account import say
from portrait_client.arguments import ARCHIVE, add_drawing_options, options_of
from portrait_client.errors import PortraitError
from portrait_client.options import Options
from portrait_client.search import PHOTO_SUFFIXES, is_hidden
from scripts.serving.canary import photo as canary
from scripts.serving.machine import WORKER_BYTES, worker_environment

INTERRUPTED = 130  # as shells have it
# Photos that are named to a process at once: few enough that none has many left when the others are done, and so many
# that Ray, which takes some milliseconds for each lot, does not count.
MOST_OF_A_LOT, LOTS_OF_EACH = 64, 8


def main(argv: Sequence[str] | None = None) -> int:
    """Status 0 when all photos are drawn or known to be bad, 1 when some failed, 130 after Ctrl-C."""
    given = _parser().parse_args(argv)
    try:
        return _draw(given)
    except (StoreError, PortraitError, OSError) as error:
        say(str(error))
    except KeyboardInterrupt:
        say("interrupted; the same command goes on")
        return INTERRUPTED
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.ray.draw", description=(__doc__ or "").split("\n\n")[1])
    add = parser.add_argument
    add("source", metavar="SRC", help="where the photos are, however deep")
    add("target", metavar="DST", help="where pictures and the manifest go")
    add("--archive", type=Path, default=ARCHIVE, help="what draws; default: %(default)s")
    add("--address", help="of a Ray cluster, or auto for the one of this machine; default: this machine alone")
    add("--cores", type=int, default=1, help="of each process that draws; default: %(default)s, the most photos in all")
    add("--price", type=float, default=0.0, help="of a node for an hour, to reckon the cost by")
    add_drawing_options(parser.add_argument_group("how it is drawn (without: as a server does)"))
    return parser


def _draw(given: argparse.Namespace) -> int:
    source, target, options = Store(given.source), Store(given.target), options_of(given)
    archive: Archive = np.fromfile(given.archive, np.uint8)
    photos, skipped = photos_of(source, target)
    _check(archive, options)
    drawn_so = [one.fields() for one in options]
    begin(target, {"source": source.url, "archive": sha256(archive.data).hexdigest(), "options": drawn_so})
    before = {line.photo: line.fate for line in read_lines(target)}
    # by shard: the lines of a lot then go to few parts of the manifest
    waiting = sorted((photo for photo in photos if photo not in before), key=lambda photo: (shard_of(photo), photo))
    summary = Summary(len(photos), Counter(before.values()), skipped, given.price)
    if waiting:
        with tqdm(total=len(waiting), unit="photo", mininterval=1 if sys.stderr.isatty() else 60) as bar:
            for line in _lines(given, archive, waiting, (source.url, target.url), options, summary):
                summary.add(line)
                bar.update()
                if line.reason:
                    say(f"{line.photo}: {line.reason}")
    print(summary.text())
    return 1 if summary.failed else 0


def photos_of(source: Store, target: Store) -> tuple[list[str], Counter[str]]:
    """Return the names of photos, and suffixes of what is none. Raises `StoreError` where there is no photo."""
    below = target.url.removeprefix(f"{source.url}/") if target.url.startswith(f"{source.url}/") else None
    photos, skipped = [], Counter[str]()
    for name in source.names():
        path = PurePosixPath(name)
        if any(map(is_hidden, path.parts)) or (below and name.startswith(f"{below}/")):
            continue
        if path.suffix.lower() in PHOTO_SUFFIXES:
            photos.append(name)
        else:
            skipped[path.suffix or path.name] += 1
    if not photos:
        raise StoreError(f"{source.url}: holds no photo")
    return photos, skipped


def _check(archive: Archive, options: Sequence[Options]) -> None:
    """Draw a photo of 64 pixels here. Raises `PortraitError` for an archive or options that are wrong."""
    with load(archive) as local:
        for picture in local.draw_each(canary(), options):
            if isinstance(picture, PortraitError):
                raise picture


def _lines(
    given: argparse.Namespace, archive: Archive, photos: Sequence[str], addresses: tuple[str, str],
    options: Sequence[Options], summary: Summary,
) -> Iterator[Line]:  # fmt: skip
    """Have the cluster draw, and yield what becomes of each photo in the order of its happening."""
    _join(given.address)
    processes = _processes(given.cores)
    summary.begin(len(_nodes()), processes)
    lots = [{"photos": json.dumps(lot)} for lot in _lots(photos, processes)]
    rows = ray.data.from_items(lots, override_num_blocks=len(lots)).flat_map(
        Drawer,
        fn_constructor_args=(ray.put(archive), addresses, options, _variables(given.cores)),
        compute=ray.data.ActorPoolStrategy(size=processes),
        num_cpus=given.cores,
        memory=WORKER_BYTES,
    )
    for row in rows.iter_rows():
        yield Line(**json.loads(row["line"]))


def _join(address: str | None) -> None:
    """Join the cluster, or make one of this machine, and send its nodes the code of this project that they run."""
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # as later versions do, which Ray warns of
    modules = {"py_modules": [deploy, portrait_client], "excludes": ["__pycache__"]}
    try:
        ray.init(address or "local", runtime_env=modules, log_to_driver=False, logging_level=logging.ERROR)
    except Exception as error:  # of no common type
        raise PortraitError(0, "NoCluster", f"Ray could not be joined or started: {error}") from error
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)


def _nodes() -> list[dict[str, float]]:
    """Return the resources of each node that draws."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]


def _processes(cores: int) -> int:
    """Return how many processes of so many cores the nodes have room for. Raises `PortraitError` where for none."""
    fitting = [min(node["CPU"] // cores, node["memory"] // WORKER_BYTES) for node in _nodes()]
    if not sum(fitting):
        raise PortraitError(0, "NoRoom", f"no node has {cores} cores and {WORKER_BYTES / 1e9} GB of memory for Ray")
    return int(sum(fitting))


def _lots(photos: Sequence[str], processes: int) -> Iterator[Sequence[str]]:
    size = min(MOST_OF_A_LOT, max(1, len(photos) // (processes * LOTS_OF_EACH)))
    return (photos[start : start + size] for start in range(0, len(photos), size))


def _variables(cores: int) -> dict[str, str]:
    precision = {name: os.environ[name] for name in ("PORTRAIT_PRECISION",) if name in os.environ}
    return {**worker_environment(cores), "OPENCV_FOR_THREADS_NUM": str(cores), **precision}


if __name__ == "__main__":
    sys.exit(main())

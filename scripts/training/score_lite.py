"""Measures portrait weights, or the teacher, and shows what they draw.

    python -m scripts.training.score_lite pairs ../shared/pairs --tool ../shared/tools/drawing_score.py
    python -m scripts.training.score_lite background ../shared/photos WORK
    python -m scripts.training.score_lite cut ../shared/photos WORK --style sketch
    python -m scripts.training.score_lite times ../shared/photos --scene remove
    python -m scripts.training.score_lite memory docs/astronaut.jpg --megapixels 65
    python -m scripts.training.score_lite blank
    python -m scripts.training.score_lite sheet docs/astronaut.jpg model/lite/sheet.jpg

Photos are drawn as they are served, in fp32; `times` takes what this CPU serves. `--drawings FOLDER` keeps drawings.
WORK is the folder of `train_lite.py`, or a new one.
"""

import argparse
import math
import resource
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
import torch

from handler.arrays import Gray
from handler.options import Options
from handler.styles import STYLES
from model.files import whole
from model.quantization.pictures import photo_files
from model.training.backgrounds import Image
from model.training.measure import (
    MARK,
    Artist,
    background_ink,
    blank_photos,
    coverage,
    load_score,
    score_pairs,
)
from model.training.plates import load_plates
from model.training.preview import drawing_of, line_map
from model.training.sheet import contact_sheet
from model.training.subjects import read_hints
from model.training.teacher import draw
from model.weights.loading import load_network
from model.weights.source import EMBEDDED
from scripts.training.served import Timing, served, served_pipeline, timings
from scripts.training.train_lite import HELD_OUT, JUDGES

Measures: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001  it has no public name


def main(argv: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    return int(args.measure(args))


def _pairs(args: argparse.Namespace) -> int:
    artist = _teach if args.teacher else _artist(args.weights)
    rows = []
    for name, figures, drawing in score_pairs(args.pairs, artist, load_score(args.tool)):
        rows.append(figures)
        _line(name, figures)
        _keep(args.drawings, f"{name}_drawing", drawing)
    _line("mean", {key: float(np.mean([row[key] for row in rows])) for key in rows[0]})
    return 0


def _background(args: argparse.Namespace) -> int:
    hints = read_hints()
    table = load_plates(args.photos, args.work / "plates", hints)
    artist = _artist(args.weights)
    shares = []
    for name in sorted({*JUDGES, *HELD_OUT} & set(table)):
        plate = table[name][512]
        drawing = artist(plate.photo)
        shares.append(background_ink(drawing, plate))
        _line(name + (" (chose the checkpoint)" if name in JUDGES else ""), {"far_background_ink": shares[-1]})
        _keep(args.drawings, name, np.hstack([plate.photo[..., ::-1], _gray(drawing), _gray(plate.drawing)]))
    _line("mean", {"far_background_ink": float(np.nanmean(shares))})
    _line("worst", {"far_background_ink": float(np.nanmax(shares))})
    return 0


def _cut(args: argparse.Namespace) -> int:
    """Measure drawings of the person cut out first."""
    table = load_plates(args.photos, args.work / "plates", read_hints())
    artist = served(args.weights, Options(style=args.style, scene="remove"))
    rows = []
    for name in sorted({*JUDGES, *HELD_OUT} & set(table)):
        plate = table[name][512]
        drawing, mask = artist(plate.photo)
        if mask is None:
            raise SystemExit(f"{name}: nobody was found")
        rows.append({"far_marks": background_ink(drawing, plate, MARK), "covered": coverage(mask, plate)})
        _line(name, rows[-1])
        _keep(args.drawings, name, np.hstack([plate.photo[..., ::-1], _gray(drawing)]))
    _line("mean", {key: float(np.mean([row[key] for row in rows])) for key in rows[0]})
    _line("worst", {"far_marks": max(r["far_marks"] for r in rows), "covered": min(r["covered"] for r in rows)})
    return 0


def _times(args: argparse.Namespace) -> int:
    """Measure what the size at which the network sees a photo saves."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    photos, rows = photo_files(args.photos), []
    for path, timing in zip(photos, timings(photos, {"scene": args.scene}, args.rounds), strict=True):
        rows.append(timing)
        _line(path.stem, timing._asdict() | {"ratio": timing.now / timing.before})
    _ratios("all", rows)
    _ratios("a face of more than a third", [row for row in rows if row.face > 1 / 3])
    return 0


def _memory(args: argparse.Namespace) -> int:
    """Measure the most that a process held which drew a photo, enlarged to so many pixels, in every style."""
    photo = cv2.imread(str(args.photo))
    if photo is None:
        raise SystemExit(f"{args.photo}: not a picture that OpenCV reads")
    scale = math.sqrt(args.megapixels * 1e6 / (photo.shape[0] * photo.shape[1]))
    # rounded down: a pixel more would be refused
    size = int(photo.shape[1] * scale), int(photo.shape[0] * scale)
    data = cv2.imencode(".jpg", cv2.resize(photo, size, interpolation=cv2.INTER_CUBIC))[1].tobytes()
    pipeline = served_pipeline()
    # all of the photo is decoded where a face is to be cut out
    for fields in ({"style": style, "scene": "remove", "frame": "face"} for style in STYLES):
        pipeline.draw_one(data, fields)
        _line(" ".join(fields.values()), {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3})
    return 0


def _ratios(name: str, rows: Sequence[Timing]) -> None:
    ratios = [row.now / row.before for row in rows]
    total = sum(row.now for row in rows) / sum(row.before for row in rows)
    _line(f"{name} ({len(rows)})", {"mean_ratio": float(np.mean(ratios)), "worst": max(ratios), "together": total})


def _blank(args: argparse.Namespace) -> int:
    network = load_network(args.weights)
    for name, photo in blank_photos(args.side).items():
        fused = line_map(network, photo)
        _line(name, {"highest": float(fused.max()), "spread": float(fused.max() - fused.min())})
        if args.drawings:
            _keep(args.drawings, name.replace(" ", "_"), drawing_of(network, photo))
    return 0


def _sheet(args: argparse.Namespace) -> int:
    photo = cv2.imread(str(args.photo), cv2.IMREAD_COLOR_RGB)
    if photo is None:
        raise SystemExit(f"{args.photo}: not a picture that OpenCV reads")
    sheet = contact_sheet(photo.astype(np.uint8), _artist(args.weights))
    _write(args.sheet, np.asarray(sheet[..., ::-1], np.uint8))
    return 0


def _artist(weights: Path) -> Artist:
    draw = served(weights, Options())
    return lambda photo: draw(photo)[0]


def _teach(photo: Image) -> Gray:
    gray = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    return (draw(gray) * 255).astype(np.uint8)


def _gray(drawing: Gray) -> Gray:
    return np.asarray(cv2.cvtColor(drawing, cv2.COLOR_GRAY2BGR), np.uint8)


def _keep(folder: Path | None, name: str, picture: Gray) -> None:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / f"{name}.png", picture)


def _write(path: Path, picture: Gray) -> None:
    """BGR or gray uint8 -> a file of the kind that its suffix names. Raises `OSError`."""
    with whole(path) as part:
        if not cv2.imwrite(str(part), picture):
            raise OSError(f"{path}: cannot be written")


def _line(name: str, figures: dict[str, float]) -> None:
    print(f"{name:34s}", *(f"{key} {value:.4f}" for key, value in figures.items()), flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--weights", type=Path, default=EMBEDDED, help="default: the embedded ones")
    common.add_argument("--drawings", type=Path, help="folder for the drawings")
    measures = parser.add_subparsers(required=True)
    pairs = measures.add_parser("pairs", parents=[common], help="against reference drawings")
    pairs.add_argument("pairs", type=Path, help="folder of NAME_photo.png and NAME_drawing.png")
    pairs.add_argument("--tool", type=Path, required=True, help="drawing_score.py")
    pairs.add_argument("--teacher", action="store_true", help="score the classical drawing instead")
    pairs.set_defaults(measure=_pairs)
    background = measures.add_parser("background", parents=[common], help="ink behind people never trained on")
    background.add_argument("photos", type=Path)
    background.add_argument("work", type=Path)
    background.set_defaults(measure=_background)
    cut_first = measures.add_parser("cut", parents=[common], help="the same people, cut out before they are drawn")
    cut_first.add_argument("photos", type=Path)
    cut_first.add_argument("work", type=Path)
    cut_first.add_argument("--style", choices=("draw", "sketch"), default="draw", help="default: %(default)s")
    cut_first.set_defaults(measure=_cut)
    _add_costs(measures)
    _add_looks(measures, common)
    return parser


def _add_costs(measures: Measures) -> None:
    times = measures.add_parser("times", help="CPU time beside that of whole photos seen at 512, on one thread")
    times.add_argument("photos", type=Path)
    times.add_argument("--scene", choices=("keep", "remove"), default="keep", help="default: %(default)s")
    times.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    times.set_defaults(measure=_times)
    memory = measures.add_parser("memory", help="the most that a process holds which draws a large photo")
    memory.add_argument("photo", type=Path)
    memory.add_argument("--megapixels", type=float, default=65, help="default: %(default)s")
    memory.set_defaults(measure=_memory)


def _add_looks(measures: Measures, common: argparse.ArgumentParser) -> None:
    sheet = measures.add_parser("sheet", parents=[common], help="one photo in many lights and framings")
    sheet.add_argument("photo", type=Path)
    sheet.add_argument("sheet", type=Path, help="picture to write")
    sheet.set_defaults(measure=_sheet)
    blank = measures.add_parser("blank", parents=[common], help="photos of nobody")
    blank.add_argument("--side", type=int, default=512, help="pixels (default: 512)")
    blank.set_defaults(measure=_blank)


if __name__ == "__main__":
    sys.exit(main())

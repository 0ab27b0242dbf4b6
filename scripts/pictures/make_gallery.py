"""Make the README's pictures from a public-domain photo, as the server would:

python -m scripts.pictures.make_gallery
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from tqdm import tqdm

from handler.arrays import Photo, Picture
from handler.decode import Limits, decode
from handler.finders import load_finders
from handler.inference import load
from handler.options import Options
from handler.pipeline import Pipeline
from handler.postprocess import encode
from handler.request import Request
from handler.settings import Settings
from model.export import export_float
from model.files import whole
from model.weights import person
from model.weights.loading import load_network
from model.weights.source import resolve
from scripts.serving.paths import SAMPLE

FACE = Options(frame="face", size=512)
FACE_SKETCH = Options(frame="face", size=512, style="sketch")
PANELS: dict[str, Options | None] = {
    "photo": None,
    "draw": Options(),
    "sketch": Options(style="sketch"),
    "composite": Options(style="composite"),
    "frame: face": FACE,
    "background: transparent": Options(frame="face", size=512, style="sketch", background=None),
}
COLUMNS = 3
PANEL_SIDE, CAPTION_HEIGHT, GAP = 320, 26, 8
SQUARE = 16  # of the chequerboard under what is transparent, in pixels


def pipeline_of(source: str) -> Pipeline:
    """Return the network of `hub`, `lite` or a checkpoint, exported as an archive has it."""
    with tempfile.TemporaryDirectory() as folder:
        weights = resolve(source)
        export_float(load_network(weights.path), weights, Path(folder))
        finders = load_finders(person.fetch()[0].parent)
        return Pipeline(load(Path(folder), precision="fp32"), Settings(), finders=finders)


def drawn(photo: Photo, options: Options, pipeline: Pipeline) -> tuple[Photo, Picture]:
    """Return what of the photo a request with these options shows, and what it is answered with."""
    job, picture = pipeline.draw_picture(Request(encode(photo, "png"), options))
    return job.photo, picture


def panel(caption: str, picture: Picture) -> Image.Image:
    """Return the picture on its panel, transparency on a chequerboard, with a caption below."""
    image = Image.fromarray(picture).convert("RGBA").resize((PANEL_SIDE, PANEL_SIDE), Image.Resampling.LANCZOS)
    sheet = Image.new("RGB", (PANEL_SIDE, PANEL_SIDE + CAPTION_HEIGHT), "white")
    sheet.paste(_chequerboard(), (0, 0))
    sheet.paste(image, (0, 0), image)
    middle = PANEL_SIDE / 2, PANEL_SIDE + CAPTION_HEIGHT / 2
    ImageDraw.Draw(sheet).text(middle, caption, "black", ImageFont.load_default(15), anchor="mm")
    return sheet


def _chequerboard() -> Image.Image:
    rows, columns = np.indices((PANEL_SIDE, PANEL_SIDE)) // SQUARE
    return Image.fromarray(np.where((rows + columns) % 2, 255, 205).astype(np.uint8))


def in_rows(panels: Sequence[Image.Image], columns: int) -> Image.Image:
    """Panels side by side, `columns` to a row."""
    width, height = PANEL_SIDE + GAP, panels[0].height + GAP
    rows = -(-len(panels) // columns)
    sheet = Image.new("RGB", (columns * width - GAP, rows * height - GAP), "white")
    for i, one in enumerate(panels):
        sheet.paste(one, (i % columns * width, i // columns * height))
    return sheet


def save(image: Image.Image, path: Path) -> None:
    """Write a PNG, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as part:
        image.save(part, "PNG", optimize=True)
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


def main(argv: Sequence[str] | None = None) -> int:
    """Write gallery.png, and portrait.png with which the README opens."""
    parser = argparse.ArgumentParser(description="Make the README's pictures.")
    parser.add_argument("--weights", default="lite", help="hub, lite or a checkpoint; default: %(default)s")
    parser.add_argument("--output", type=Path, default=Path("docs"), help="folder; default: %(default)s")
    options = parser.parse_args(argv)
    photo, pipeline = decode(SAMPLE.read_bytes(), Limits()), pipeline_of(options.weights)
    panels = [
        panel(caption, drawn(photo, chosen, pipeline)[1] if chosen else photo)
        for caption, chosen in tqdm(PANELS.items(), desc="pictures", disable=None)
    ]
    save(in_rows(panels, COLUMNS), options.output / "gallery.png")
    (face, drawing), (_, sketch) = (drawn(photo, chosen, pipeline) for chosen in (FACE, FACE_SKETCH))
    opening = [panel("", picture) for picture in (face, drawing, sketch)]
    save(in_rows(opening, COLUMNS), options.output / "portrait.png")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

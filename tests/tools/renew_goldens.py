"""Replace the golden pictures that no longer fit, and show before and after:

python -m tests.tools.renew_goldens
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from handler.arrays import Picture
from handler.postprocess import encode
from model.files import write_whole
from tests.tools.goldens import FOLDER, GOLDENS, LEAST_SIMILARITY, MOST_LEVELS, difference, stored

SHEETS = Path("build/goldens")


def fits(before: Picture | None, after: Picture) -> bool:
    """Whether the test of golden pictures would pass."""
    if before is None or before.shape != after.shape:
        return False
    levels, similarity = difference(before, after)
    return levels <= MOST_LEVELS and similarity >= LEAST_SIMILARITY


def renew(name: str, folder: Path, sheets: Path) -> Path | None:
    """Replace one golden picture; the sheet that shows it before and after, or None where it still fits."""
    before, after = stored(name, folder), GOLDENS[name].picture()
    if fits(before, after):
        return None
    if before is None or before.shape != after.shape:
        before = np.full_like(after, 127)
    sheet = sheets / f"{name}.png"
    _write(sheet, np.hstack([before, after]))
    _write(folder / f"{name}.png", after)
    return sheet


def _write(path: Path, picture: Picture) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, encode(picture, "png"))


def main(argv: Sequence[str] | None = None) -> int:
    """Renew and print where the sheets are."""
    parser = argparse.ArgumentParser(description="Renew the golden pictures that no longer fit.")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="default: %(default)s")
    parser.add_argument("--sheets", type=Path, default=SHEETS, help="for before and after; default: %(default)s")
    options = parser.parse_args(argv)
    sheets = [sheet for name in GOLDENS if (sheet := renew(name, options.folder, options.sheets))]
    for sheet in sheets:
        print(f"renewed {sheet.stem}: before (left) and after in {sheet}")
    if not sheets:
        print("nothing to renew: every golden picture fits")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

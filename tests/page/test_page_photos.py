"""Photos that browsers do not show, or that programs show wrongly, are seen beside their portraits as they are."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from playwright.sync_api import expect

from tests.tools.heif_files import PICTURE as HEIC
from tests.tools.hostile import picture
from tests.tools.page_driver import PageDriver, write_photo


def test_heic_is_previewed_as_the_server_reads_it(visit: Callable[..., PageDriver]) -> None:
    driver = visit()
    driver.bring(HEIC)
    driver.see("picture")
    driver.rest()  # thumbnails are made from what is seen
    shown = driver.pixels(".frame .photo")[..., :3].astype(np.int16)
    expected = cv2.resize(np.asarray(picture(96, 72)), shown.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    assert np.abs(shown - expected).mean() < 8  # HEVC and JPEG, one after the other


def test_16_bits_are_previewed_as_they_are(visit: Callable[..., PageDriver], tmp_path: Path) -> None:
    levels = np.linspace(0, 65535, 256).astype(np.uint16)
    photo = tmp_path / "deep.png"
    cv2.imwrite(str(photo), np.tile(levels, (192, 1)))
    driver = visit()
    driver.bring(photo)
    driver.see("deep")
    shown = driver.pixels(".frame .photo")[96, :, 0].astype(np.int16)
    assert np.abs(shown - np.arange(256)).max() <= 1


def test_a_photo_is_seen_while_it_is_drawn_and_the_right_way_up(
    visit: Callable[..., PageDriver], tmp_path: Path
) -> None:
    photo = write_photo(tmp_path / "lying.jpg", (300, 200), orientation=6)
    driver = visit()
    driver.page.route("**/predictions/portrait", lambda route: None)  # which never answers
    driver.bring(photo)
    expect(driver.page.locator(".working")).to_have_text("Drawing lying.jpg …")
    box = driver.page.locator(".frame .photo").bounding_box()
    assert box is not None
    assert abs(box["width"] / box["height"] - 2 / 3) < 0.02

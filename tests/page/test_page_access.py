"""The page on a phone, by keyboard, from the clipboard and the camera, in light and dark."""

from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.tools.page_driver import PageDriver, write_photo

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
SCHEMES = ("light", "dark")


def test_on_a_phone_all_is_within_its_width(visit: Callable[..., PageDriver], photo: Path) -> None:
    driver = visit(**PHONE)
    driver.bring(photo)
    driver.see("eileen")
    driver.choose("Style", "Composite")
    driver.page.get_by_text("More options").click()
    slider = driver.see("eileen", "Composite")
    box = slider.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert 300 < box["width"] <= 390
    assert driver.page.evaluate("document.scrollingElement.scrollWidth") <= 390
    slider.tap(position={"x": box["width"] / 4, "y": box["height"] / 2})
    expect(slider).to_have_value("25")
    assert driver.download().name == "eileen-portrait.png"


def test_all_of_it_by_keyboard(visit: Callable[..., PageDriver], photo: Path) -> None:
    driver = visit()
    driver.page.on("filechooser", lambda chooser: chooser.set_files(photo))
    driver.see("astronaut")
    reach(driver, "Upload")
    driver.page.keyboard.press("Enter")
    slider = driver.see("eileen")
    reach(driver, "Lines")
    driver.page.keyboard.press("ArrowRight")
    driver.page.keyboard.press("Space")
    driver.see("eileen", "Pencil")
    reach(driver, "Compare photo and portrait of eileen")
    driver.page.keyboard.press("ArrowLeft")
    expect(slider).to_have_attribute("aria-valuetext", "49 % photo, 51 % portrait")
    reach(driver, "Download")
    with driver.page.expect_download():
        driver.page.keyboard.press("Enter")


def reach(driver: PageDriver, name: str) -> None:
    """Press Tab until the focus is on what has this name."""
    for _ in range(40):
        driver.page.keyboard.press("Tab")
        if driver.page.evaluate(NAME_OF_FOCUS) == name:
            return
    pytest.fail(f"the Tab key never came to {name}")


NAME_OF_FOCUS = """() => {
    let element = document.activeElement;
    while (element.shadowRoot) element = element.shadowRoot.activeElement;
    const text = element.innerText || element.closest("label")?.innerText || "";
    return element.ariaLabel || text.trim().split("\\n").at(-1); // an icon's name comes first
}"""


@pytest.mark.parametrize("by", ["Control+V", "button"])
def test_pasting(visit: Callable[..., PageDriver], tmp_path: Path, by: str) -> None:
    driver = visit(permissions=["clipboard-read", "clipboard-write"])
    driver.see("astronaut")
    driver.page.evaluate(COPY, list(write_photo(tmp_path / "copied.png", (160, 200)).read_bytes()))
    if by == "button":
        driver.page.get_by_role("button", name="Paste a picture").click()
    else:
        driver.page.keyboard.press(by)
    driver.see("pasted" if by == "button" else "image")


COPY = """async (bytes) => {
    const picture = new Blob([new Uint8Array(bytes)], { type: "image/png" });
    await navigator.clipboard.write([new ClipboardItem({ "image/png": picture })]);
}"""


def test_nothing_to_paste(visit: Callable[..., PageDriver]) -> None:
    driver = visit(permissions=["clipboard-read", "clipboard-write"])
    driver.see("astronaut")
    driver.page.evaluate("navigator.clipboard.writeText('words')")
    driver.page.get_by_role("button", name="Paste a picture").click()
    driver.read("There is no picture in the clipboard.")


def test_the_camera(visit: Callable[..., PageDriver]) -> None:
    driver = visit(permissions=["camera"])
    driver.page.get_by_text("Use the camera").click()
    # a shot taken before the first frame is there is none
    driver.page.wait_for_function("document.querySelector('video')?.readyState >= 3")
    driver.page.get_by_role("button", name="Take Photo").click()
    driver.see("camera")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_light_and_dark_are_followed_and_legible(visit: Callable[..., PageDriver], scheme: str) -> None:
    driver = visit(color_scheme=scheme)
    driver.see("astronaut")
    driver.choose("Style", "Composite")
    driver.page.get_by_text("More options").click()
    # A slider's ends fade in and out as the pointer comes and goes.
    driver.page.mouse.move(0, 0)
    driver.see("astronaut", "Composite")
    paper = driver.page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
    assert paper == {"light": "rgb(251, 250, 247)", "dark": "rgb(25, 24, 23)"}[scheme]
    found = Axe().run(driver.page).response["violations"]
    grave = [fault for fault in found if fault["impact"] in ("serious", "critical")]
    assert [(fault["id"], node["html"], node["failureSummary"]) for fault in grave for node in fault["nodes"]] == []

"""The page on a phone, by keyboard, from the clipboard and the camera, in light and dark."""

from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.tools.page_driver import Visitor, write_photo

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
SCHEMES = ("light", "dark")


def test_on_a_phone_all_is_within_its_width(visit: Callable[..., Visitor], photo: Path) -> None:
    visitor = visit(**PHONE)
    visitor.bring(photo)
    visitor.see("eileen")
    visitor.choose("Style", "Composite")
    visitor.page.get_by_text("More options").click()
    slider = visitor.see("eileen", "Composite")
    box = slider.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert 300 < box["width"] <= 390
    assert visitor.page.evaluate("document.scrollingElement.scrollWidth") <= 390
    slider.tap(position={"x": box["width"] / 4, "y": box["height"] / 2})
    expect(slider).to_have_value("25")
    assert visitor.download().name == "eileen-portrait.png"


def test_all_of_it_by_keyboard(visit: Callable[..., Visitor], photo: Path) -> None:
    visitor = visit()
    visitor.page.on("filechooser", lambda chooser: chooser.set_files(photo))
    visitor.see("astronaut")
    reach(visitor, "Upload")
    visitor.page.keyboard.press("Enter")
    slider = visitor.see("eileen")
    reach(visitor, "Lines")
    visitor.page.keyboard.press("ArrowRight")
    visitor.page.keyboard.press("Space")
    visitor.see("eileen", "Pencil")
    reach(visitor, "Compare photo and portrait of eileen")
    visitor.page.keyboard.press("ArrowLeft")
    expect(slider).to_have_attribute("aria-valuetext", "49 % photo, 51 % portrait")
    reach(visitor, "Download")
    with visitor.page.expect_download():
        visitor.page.keyboard.press("Enter")


def reach(visitor: Visitor, name: str) -> None:
    """Press Tab until the focus is on what has this name."""
    for _ in range(40):
        visitor.page.keyboard.press("Tab")
        if visitor.page.evaluate(NAME_OF_FOCUS) == name:
            return
    pytest.fail(f"the Tab key never came to {name}")


NAME_OF_FOCUS = """() => {
    let element = document.activeElement;
    while (element.shadowRoot) element = element.shadowRoot.activeElement;
    const text = element.innerText || element.closest("label")?.innerText || "";
    return element.ariaLabel || text.trim().split("\\n").at(-1); // an icon's name comes first
}"""


@pytest.mark.parametrize("by", ["Control+V", "button"])
def test_pasting(visit: Callable[..., Visitor], tmp_path: Path, by: str) -> None:
    visitor = visit(permissions=["clipboard-read", "clipboard-write"])
    visitor.see("astronaut")
    visitor.page.evaluate(COPY, list(write_photo(tmp_path / "copied.png", (160, 200)).read_bytes()))
    if by == "button":
        visitor.page.get_by_role("button", name="Paste a picture").click()
    else:
        visitor.page.keyboard.press(by)
    visitor.see("pasted" if by == "button" else "image")


COPY = """async (bytes) => {
    const picture = new Blob([new Uint8Array(bytes)], { type: "image/png" });
    await navigator.clipboard.write([new ClipboardItem({ "image/png": picture })]);
}"""


def test_nothing_to_paste(visit: Callable[..., Visitor]) -> None:
    visitor = visit(permissions=["clipboard-read", "clipboard-write"])
    visitor.see("astronaut")
    visitor.page.evaluate("navigator.clipboard.writeText('words')")
    visitor.page.get_by_role("button", name="Paste a picture").click()
    visitor.read("There is no picture in the clipboard.")


def test_the_camera(visit: Callable[..., Visitor]) -> None:
    visitor = visit(permissions=["camera"])
    visitor.page.get_by_text("Use the camera").click()
    # a shot taken before the first frame is there is none
    visitor.page.wait_for_function("document.querySelector('video')?.readyState >= 3")
    visitor.page.get_by_role("button", name="Take Photo").click()
    visitor.see("camera")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_light_and_dark_are_followed_and_legible(visit: Callable[..., Visitor], scheme: str) -> None:
    visitor = visit(color_scheme=scheme)
    visitor.see("astronaut")
    visitor.choose("Style", "Composite")
    visitor.page.get_by_text("More options").click()
    # A slider's ends fade in and out as the pointer comes and goes.
    visitor.page.mouse.move(0, 0)
    visitor.see("astronaut", "Composite")
    paper = visitor.page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
    assert paper == {"light": "rgb(251, 250, 247)", "dark": "rgb(25, 24, 23)"}[scheme]
    found = Axe().run(visitor.page).response["violations"]
    grave = [fault for fault in found if fault["impact"] in ("serious", "critical")]
    assert [(fault["id"], node["html"], node["failureSummary"]) for fault in grave for node in fault["nodes"]] == []

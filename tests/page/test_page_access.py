"""The page on a phone, by keyboard, from the clipboard and the camera, in light and dark."""

from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.tools.page_driver import PageDriver, write_photo

PHONE_WIDTH, PHONE_HEIGHT = 390, 844
PHONE = {"viewport": {"width": PHONE_WIDTH, "height": PHONE_HEIGHT}, "has_touch": True, "is_mobile": True}
SCHEMES = ("light", "dark")


def test_on_a_phone_all_is_within_its_width_and_the_picture_in_view(
    visit: Callable[..., PageDriver], photo: Path
) -> None:
    driver = visit(**PHONE)
    expect(driver.page.get_by_role("heading", name="Choose a photo of a person")).to_be_visible()
    driver.bring(photo, write_photo(photo.with_name("second.jpg"), (300, 200)))
    slider = driver.see("eileen")
    box = slider.bounding_box()
    assert box is not None
    assert 0 <= box["y"] <= box["y"] + box["height"] <= PHONE_HEIGHT  # the first one, without scrolling
    assert 0 <= box["x"] <= box["x"] + box["width"] <= PHONE_WIDTH
    slider.tap(position={"x": box["width"] / 4, "y": box["height"] / 2})
    expect(slider).to_have_value("25")
    driver.choose("Style", "Composite")
    driver.choose("Paper", "Colour")
    driver.open_options()
    driver.see("eileen", "Composite")
    assert driver.page.evaluate("document.scrollingElement.scrollWidth") <= PHONE_WIDTH
    assert driver.download().name == "eileen-composite.png"


def test_all_of_it_by_keyboard(visit: Callable[..., PageDriver], photo: Path) -> None:
    driver = visit()
    driver.page.on("filechooser", lambda chooser: chooser.set_files(photo))
    reach(driver, "Choose photos")
    driver.page.keyboard.press("Enter")
    slider = driver.see("eileen")
    reach(driver, "Lines")
    assert is_focus_seen(driver)
    driver.page.keyboard.press("ArrowRight")
    driver.see("eileen", "Pencil")
    reach(driver, "Compare photo and portrait of eileen")
    assert is_focus_seen(driver)
    driver.page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "1 % photo, 99 % portrait")
    reach(driver, "Download")
    assert is_focus_seen(driver)
    with driver.page.expect_download():
        driver.page.keyboard.press("Enter")


def is_focus_seen(driver: PageDriver) -> bool:
    """Whether there is a thick line around what has the focus, or around what it stands for."""
    return bool(driver.page.evaluate(OUTLINED))


OUTLINED = """() => {
    const focused = document.activeElement;
    return [focused, focused.closest("figure") ?? focused].some((seen) => {
        const { outlineStyle, outlineWidth } = getComputedStyle(seen);
        return outlineStyle === "solid" && parseFloat(outlineWidth) >= 2;
    });
}"""


def reach(driver: PageDriver, name: str) -> None:
    """Press Tab until the focus is on what has this name."""
    for _ in range(40):
        driver.page.keyboard.press("Tab")
        if driver.page.evaluate(NAME_OF_FOCUS) == name:
            return
    pytest.fail(f"the Tab key never came to {name}")


NAME_OF_FOCUS = """() => {
    const element = document.activeElement;
    return element.ariaLabel || (element.innerText || element.closest("label")?.innerText || "").trim();
}"""


@pytest.mark.parametrize("by", ["Control+V", "button"])
def test_pasting(visit: Callable[..., PageDriver], tmp_path: Path, by: str) -> None:
    driver = visit(permissions=["clipboard-read", "clipboard-write"])
    driver.page.evaluate(COPY, list(write_photo(tmp_path / "copied.png", (160, 200)).read_bytes()))
    if by == "button":
        driver.page.get_by_role("button", name="Paste").click()
    else:
        driver.page.keyboard.press(by)
    driver.see("pasted" if by == "button" else "image")


COPY = """async (bytes) => {
    const picture = new Blob([new Uint8Array(bytes)], { type: "image/png" });
    await navigator.clipboard.write([new ClipboardItem({ "image/png": picture })]);
}"""


def test_nothing_to_paste(visit: Callable[..., PageDriver]) -> None:
    driver = visit(permissions=["clipboard-read", "clipboard-write"])
    driver.page.evaluate("navigator.clipboard.writeText('words')")
    driver.page.get_by_role("button", name="Paste").click()
    driver.read("There is no picture in the clipboard.")


def test_the_camera_leaves_the_options_as_they_are(visit: Callable[..., PageDriver], photo: Path) -> None:
    driver = visit(permissions=["camera"])
    driver.bring(photo)
    driver.see("eileen")
    driver.open_options()
    driver.page.get_by_role("button", name="Camera").click()
    driver.page.get_by_role("button", name="Take the photo").click()  # which waits for the camera's first picture
    driver.see("camera")
    expect(driver.page.get_by_role("radiogroup", name="Frame")).to_be_visible()
    assert driver.page.evaluate("document.querySelector('video').srcObject") is None


def test_without_a_camera(visit: Callable[..., PageDriver]) -> None:
    driver = visit()
    driver.page.evaluate("() => { navigator.mediaDevices.getUserMedia = () => Promise.reject(new Error('none')); }")
    driver.page.get_by_role("button", name="Camera").click()
    driver.read("The browser has no camera for this page")


def test_nothing_moves_for_those_who_want_that(visit: Callable[..., PageDriver], photo: Path) -> None:
    driver = visit(reduced_motion="reduce")
    driver.page.evaluate(COUNT_MOVING)
    driver.bring(photo)
    driver.see("eileen")
    assert driver.page.evaluate("window.moved") == 0


COUNT_MOVING = """() => {
    window.moved = 0;
    const look = () => {
        window.moved += document.getAnimations().length;
        requestAnimationFrame(look);
    };
    look();
}"""


def test_your_photo_is_not_kept(visit: Callable[..., PageDriver]) -> None:
    driver = visit()
    driver.page.get_by_role("link", name="What happens with it").click()
    expect(driver.page.get_by_role("heading", level=1)).to_have_text("Your photo is not kept")
    assert found_by_axe(driver) == []
    driver.page.get_by_role("link", name="Back to the page").click()
    expect(driver.page.get_by_role("heading", name="Drop a photo")).to_be_visible()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", [PHONE_WIDTH, 820, 1440])
def test_light_and_dark_are_followed_and_legible(
    visit: Callable[..., PageDriver], photo: Path, scheme: str, width: int
) -> None:
    driver = visit(color_scheme=scheme, viewport={"width": width, "height": 900}, reduced_motion="reduce")
    paper = driver.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == {"light": "rgb(251, 250, 247)", "dark": "rgb(25, 24, 23)"}[scheme]
    assert found_by_axe(driver) == []
    letter = photo.with_name("letter.jpg")
    letter.write_text("Dear Eileen")
    driver.bring(photo, letter)
    driver.choose("Style", "Composite")
    driver.choose("Paper", "Colour")
    driver.open_options()
    driver.see("eileen", "Composite")
    assert found_by_axe(driver) == []
    driver.page.get_by_role("button", name="Zoom").click()
    assert found_by_axe(driver) == []


def found_by_axe(driver: PageDriver) -> list[tuple[str, str, str]]:
    """Return what axe finds wrong, of any weight: rule, element, why."""
    found = Axe().run(driver.page).response["violations"]
    return [(fault["id"], node["html"], node["failureSummary"]) for fault in found for node in fault["nodes"]]

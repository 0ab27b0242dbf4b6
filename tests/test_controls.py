"""The page's controls offer what the client knows, and nothing else."""

from portrait_client import options
from web import controls


def test_each_value_of_an_option_has_its_name_on_the_page_the_default_first() -> None:
    assert tuple(controls.STYLES) == options.STYLES
    assert tuple(controls.FRAMES) == options.FRAMES
    assert tuple(controls.FORMATS) == options.FORMATS

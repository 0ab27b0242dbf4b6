import pytest

from handler.decode import Limits
from handler.settings import Settings, parse_settings


def test_no_section_means_the_defaults() -> None:
    assert parse_settings({}, {}) == Settings()


def test_limits_are_what_the_operator_sets() -> None:
    assert parse_settings({"megabytes": 5, "megapixels": 1.5, "jpeg_megapixels": 9}, {}).limits == Limits(5, 1.5, 9)


def test_the_precision_is_that_of_one_start() -> None:
    assert parse_settings({"threads": 2}, {"PORTRAIT_PRECISION": "bf16"}) == Settings(threads=2, precision="bf16")
    assert parse_settings({}, {"PORTRAIT_PRECISION": ""}).precision == "auto"


@pytest.mark.parametrize(
    "config",
    [{"megabyte": 5}, {"megabytes": "5"}, {"megapixels": True}, {"threads": -1}, {"precision": 8}],
)
def test_a_wrong_setting_is_refused_by_name(config: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=f"handler.{next(iter(config))}"):
        parse_settings(config, {})

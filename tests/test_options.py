from dataclasses import dataclass, fields, replace
from http import HTTPStatus

import pytest

from handler.errors import RequestError
from handler.option import Follows, Option, Value
from handler.options import WHITE, Options, parse_options


def refused(headers: dict[str, str], fields: dict[str, str]) -> str:
    with pytest.raises(RequestError) as caught:
        parse_options(headers, fields)
    assert caught.value.status is HTTPStatus.BAD_REQUEST
    return caught.value.message


def test_nothing_given_means_the_defaults() -> None:
    assert parse_options({}, {}) == Options()


@pytest.mark.parametrize(
    ("name", "value", "parsed"),
    [
        ("style", "sketch", "sketch"),
        ("style", " Draw ", "draw"),
        ("frame", "face", "face"),
        ("size", "native", None),
        ("size", "64", 64),
        ("size", "4096", 4096),
        ("format", "webp", "webp"),
        ("background", "white", WHITE),
        ("background", "#FFFFFF", WHITE),
        ("background", "Transparent", None),
        ("size", "512.0", 512),
        ("background", "#FF8000", (255, 128, 0)),
    ],
)
def test_a_value_is_parsed_from_header_and_field(name: str, value: str, parsed: object) -> None:
    assert getattr(parse_options({f"Portrait-{name}": value}, {}), name) == parsed
    assert getattr(parse_options({}, {name: value}), name) == parsed


@pytest.mark.parametrize("value", ["0", "0.25", "1", ".5", "+1", "1.", "1e-05", "5E-1"])
def test_alpha_of_a_composite(value: str) -> None:
    assert parse_options({}, {"style": "composite", "alpha": value}).alpha == float(value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("style", "oil"),
        ("style", ""),
        ("frame", "square"),
        ("size", "63"),
        ("size", "4097"),
        ("size", "512.5"),
        ("size", "-512"),
        ("size", "9" * 5000),
        ("format", "bmp"),
        ("background", "#12345"),
        ("background", "blue"),
        ("background", "#+1+2+3"),
    ],
)
def test_a_wrong_value_is_refused_by_name(name: str, value: str) -> None:
    message = refused({}, {name: value})
    assert message.startswith(f"{name}: must be ")
    assert message.endswith(f", got {value[:64]}")


@pytest.mark.parametrize("value", ["nan", "inf", "-0.1", "1.1", "1e1", "1e", "0x1", "٠", "1_0", "half"])
def test_alpha_takes_plain_numbers_of_its_range_only(value: str) -> None:
    assert "alpha: must be a number from 0 to 1" in refused({}, {"style": "composite", "alpha": value})


def test_what_was_given_is_cut_and_made_printable() -> None:
    message = refused({}, {"style": "\x00\r\n\u202eé" + "x" * 10_000_000})
    assert message.endswith("got " + "?" * 5 + "x" * 59)


def test_header_names_match_without_case() -> None:
    assert parse_options({"pOrTrAiT-sTyLe": "sketch"}, {}).style == "sketch"


def test_a_field_beats_its_header() -> None:
    assert parse_options({"Portrait-Style": "sketch"}, {"style": "draw"}).style == "draw"


def test_unknown_fields_and_portrait_headers_are_refused() -> None:
    assert "stile: unknown option" in refused({}, {"stile": "draw"})
    assert "stile: unknown option" in refused({"Portrait-Stile": "draw"}, {})


def test_other_headers_are_none_of_our_business() -> None:
    assert parse_options({"style": "oil", "explain": "True", "url_path": "x"}, {}) == Options()


@pytest.mark.parametrize("name", ["alpha", "sigma"])
def test_composite_options_need_the_composite_style(name: str) -> None:
    assert f"{name}: only fits style composite" in refused({}, {name: "1"})


def test_transparent_needs_a_format_with_transparency() -> None:
    assert "png, webp or svg" in refused({}, {"background": "transparent", "format": "jpeg"})


def test_stretch_is_always_512() -> None:
    assert "stretch" in refused({}, {"frame": "stretch", "size": "1024"})
    assert parse_options({}, {"frame": "stretch", "size": "512"}).size == 512


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", "png"),
        ("*/*", "png"),
        ("image/*", "png"),
        ("image/webp", "webp"),
        ("image/jpeg", "jpeg"),
        ("image/jpg", "jpeg"),
        ("IMAGE/JPEG", "jpeg"),
        ("image/png;q=0.5, image/webp;q=0.9", "webp"),
        ("image/webp;q=0.1, */*;q=0.5", "png"),
        ("image/jpeg, */*", "jpeg"),
        ("image/webp, image/png", "webp"),
        ("image/png;q=0, */*", "jpeg"),
        ("text/html, application/json", "png"),
        ("image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8", "webp"),
        ("image/webp;q=nan", "png"),
        ("image/svg+xml", "svg"),
        ("image/svg+xml, image/png;q=0.9", "svg"),
        (";;;,,=,q=", "png"),
    ],
)
def test_accept_decides_the_format(accept: str, chosen: str) -> None:
    assert parse_options({"Accept": accept}, {}).format == chosen


@pytest.mark.parametrize("style", ["sketch", "composite"])
def test_only_lines_can_be_svg(style: str) -> None:
    assert refused({}, {"style": style, "format": "svg"}) == f"format: svg needs style draw, got {style}"
    assert parse_options({"Accept": "image/svg+xml"}, {"style": style}).format == "png"
    assert parse_options({"Accept": "image/svg+xml, image/webp;q=0.1"}, {"style": style}).format == "webp"


def test_format_beats_accept() -> None:
    assert parse_options({"Accept": "image/webp", "Portrait-Format": "jpeg"}, {}).format == "jpeg"


def test_accept_of_a_format_without_transparency_gives_way_to_it() -> None:
    options = parse_options({"Accept": "image/jpeg, image/webp;q=0.2"}, {"background": "transparent"})
    assert options.format == "webp"


def test_a_format_that_does_not_fit_is_told_before_a_size_that_does_not() -> None:
    wrong = {"background": "transparent", "format": "jpeg", "frame": "stretch", "size": "1024", "alpha": "1"}
    assert refused({}, wrong) == "alpha: only fits style composite, got style draw"
    assert (
        refused({}, wrong | {"style": "composite"}) == "background: transparent needs format png, webp or svg, got jpeg"
    )
    wrong |= {"style": "composite", "format": "png"}
    assert refused({}, wrong) == "size: frame stretch is always 512, got 1024"


@dataclass(frozen=True)
class Grown(Options):
    """The options with three more, each by one entry: as the contract may grow."""

    scene: str = Option(
        "what is around the person",
        Follows("style", {"sketch": "remove"}, "keep"),
        (Value("keep"), Value("remove", needs={"frame": ("photo", "face")})),
    ).field()
    pen: str = Option("the hand", "normal", tuple(map(Value, ("bold", "normal"))), fits={"scene": ("keep",)}).field()


@pytest.fixture
def grown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handler.options.Options", Grown)
    table = {field.name: field.metadata["option"] for field in fields(Grown)}
    monkeypatch.setattr("handler.options.OPTIONS", table)


@pytest.mark.usefixtures("grown")
def test_one_entry_adds_an_option_whose_default_follows_another() -> None:
    assert vars(parse_options({}, {})) == vars(Options()) | {"scene": "keep", "pen": "normal"}
    assert vars(parse_options({}, {"style": "sketch"}))["scene"] == "remove"
    assert vars(parse_options({"Portrait-Scene": "keep"}, {"style": "sketch"}))["scene"] == "keep"
    assert refused({}, {"scene": "none"}) == "scene: must be keep or remove, got none"


@pytest.mark.usefixtures("grown")
def test_what_a_new_option_goes_with_is_checked_where_its_default_is_not() -> None:
    assert refused({}, {"style": "sketch", "pen": "bold"}) == "pen: only fits scene keep, got scene remove"
    wrong = {"scene": "remove", "frame": "stretch"}
    assert refused({"Accept": "image/webp"}, wrong) == "scene: remove needs frame photo or face, got stretch"


def test_options_made_in_code_have_their_defaults_settled() -> None:
    assert (Grown().scene, Grown(style="sketch").scene) == ("keep", "remove")
    assert replace(Grown(style="sketch"), format="webp").scene == "remove"

"""docs/openapi.yaml and docs/api.html are what the command makes, and valid; test_openapi_served.py asks a server."""

from pathlib import Path

import pytest
import requests
import yaml
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from handler.errors import RequestError
from handler.option import Option
from handler.options import OPTIONS, Options, parse_options
from scripts.docs import make_openapi
from scripts.docs.openapi import document
from scripts.docs.option_schemas import schema_of
from scripts.serving.paths import ROOT
from scripts.serving.settings import VERSION
from tests.tools.serving import Server

DOCS = ROOT / "docs"
COMMITTED = yaml.safe_load((DOCS / "openapi.yaml").read_text())


@pytest.mark.parametrize("name", ["openapi.yaml", "api.html"])
def test_the_committed_file_is_what_the_command_makes(name: str, tmp_path: Path) -> None:
    assert make_openapi.main(["--folder", str(tmp_path)]) == 0
    made = (tmp_path / name).read_text()
    assert (DOCS / name).read_text() == made, "make it anew: python -m scripts.docs.make_openapi"


def test_the_document_is_valid_and_nothing_is_lost_in_yaml() -> None:
    validate(COMMITTED)
    assert document() == COMMITTED


def test_a_new_option_is_in_the_document() -> None:
    described = COMMITTED["components"]
    for name in OPTIONS:
        assert described["parameters"][name]["name"] == f"Portrait-{name.title()}"
        assert all(name in described["schemas"][body]["properties"] for body in ("Form", "Document"))


def is_taken(name: str, value: str) -> bool:
    """Whether the server's own parser takes the value, beside options that fit it."""
    fitting = {other: texts[0] for other, texts in OPTIONS[name].fits.items()}
    try:
        return bool(parse_options({}, {name: value, **fitting}))
    except RequestError:
        return False


@pytest.mark.parametrize(("name", "option"), OPTIONS.items())
def test_a_schema_takes_and_refuses_what_the_server_does(name: str, option: Option) -> None:
    schema = Draft202012Validator(schema_of(option))
    values = [*option.names, "oil", "#12345", "#a0b1c2", 0, 0.5, 1, 1.5, 20, 50.0, 50.5, 63, 64, 512.5, 4096, 4097, -1]
    assert [schema.is_valid(value) for value in values] == [is_taken(name, str(value)) for value in values]


def test_a_default_is_what_the_server_takes_for_what_is_not_given() -> None:
    for name, option in OPTIONS.items():
        schema = schema_of(option)
        if "default" in schema:
            assert option.parse(str(schema["default"])) == getattr(Options(), name)


@pytest.mark.parametrize("version", ["", f"/{VERSION}"])
def test_the_example_of_json_is_drawn(server: Server, version: str) -> None:
    body = COMMITTED["components"]["requestBodies"]["Photo"]["content"]["application/json"]
    for example in body["examples"].values():
        answer = requests.post(server.predictions + version, json=example["value"], timeout=60)
        assert (answer.status_code, answer.headers["Portrait-Size"]) == (200, "128x128")


def test_torchserves_own_description_names_a_path_that_there_is_not(server: Server) -> None:
    """Else what the document says of it is no longer true."""
    told = requests.options(server.predictions, timeout=60).json()["paths"]
    assert "/prediction/portrait" in told
    assert requests.post(f"{server.rest}/prediction/portrait", data=b"x", timeout=60).status_code == 404

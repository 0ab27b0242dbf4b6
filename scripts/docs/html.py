"""The document of OpenAPI -> one HTML file for people, which fetches nothing."""

import re
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from handler.options import OPTIONS
from scripts.docs.option_schemas import header_of
from scripts.docs.option_texts import default_of, described

_TEMPLATE = Path(__file__).with_name("api.html")


def page(document: Mapping[str, Any]) -> str:
    """Return the page about `document`, as `scripts.docs.openapi` makes it."""
    components, paths = document["components"], document["paths"]
    answers = next(iter(paths.values()))["post"]["responses"]
    parts = {
        "version": escape(document["info"]["version"]),
        "about": "".join(f"<p>{_marked(text)}</p>" for text in document["info"]["description"].split("\n\n")),
        "paths": _rows(_path_rows(paths)),
        "bodies": _rows(_body_rows(components)),
        "options": _rows(_option_rows()),
        "headers": _rows([_code(name), _marked(told["description"])] for name, told in components["headers"].items()),
        "answers": _rows(_answer_rows(answers, components["responses"])),
        "formats": ", ".join(map(_code, components["responses"]["Picture"]["content"])),
    }
    return Template(_TEMPLATE.read_text()).substitute(parts)


def _path_rows(paths: Mapping[str, Any]) -> Iterable[list[str]]:
    for path, operations in paths.items():
        for method in (name for name in ("get", "post", "put") if name in operations):
            yield [_code(f"{method.upper()} {path}"), _marked(operations[method]["summary"])]


def _body_rows(components: Mapping[str, Any]) -> Iterable[list[str]]:
    where = {
        "multipart/form-data": "the photo as the part `data`, options as parts of their names",
        "application/json": "an object: the photo in base64 or as a `data:` URL under `data`, options beside it",
    }
    for kind in components["requestBodies"]["Photo"]["content"]:
        yield [_code(kind), _marked(where.get(kind, "the photo's bytes"))]


def _option_rows() -> Iterable[list[str]]:
    for name, option in OPTIONS.items():
        names = f"{_code(header_of(name))}<br>{_code(name)}"
        yield [names, _marked(described(option, "`")), _marked(default_of(option, "`"))]


def _answer_rows(answers: Mapping[str, Any], responses: Mapping[str, Any]) -> Iterable[list[str]]:
    for status, reference in answers.items():
        response = responses[reference["$ref"].rpartition("/")[2]]
        examples = response["content"].get("application/json", {}).get("examples", {})
        messages = "".join(f"<br>{_code(example['value']['message'])}" for example in examples.values())
        yield [_code(status), _marked(response["description"]) + messages]


def _rows(rows: Iterable[Iterable[str]]) -> str:
    return "\n".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)


def _code(text: str) -> str:
    return f"<code>{escape(text)}</code>"


def _marked(text: str) -> str:
    """Markdown's backticks -> HTML."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))

"""An option of the code's table -> JSON Schema (draft 2020-12, which OpenAPI 3.1 speaks)."""

from typing import Any

from handler.option import Follows, Option
from handler.options import HEADER_PREFIX, OPTIONS
from scripts.docs.option_texts import default_of, described


def schemas() -> dict[str, Any]:
    """Name -> schema, of every option."""
    return {name: schema_of(option) for name, option in OPTIONS.items()}


def parameters() -> dict[str, Any]:
    """Name -> the header of the same meaning, as a parameter of OpenAPI."""
    return {name: _parameter(name, option) for name, option in OPTIONS.items()}


def header_of(name: str) -> str:
    """Return the header that an option may come in."""
    return (HEADER_PREFIX + name).title()


def schema_of(option: Option) -> dict[str, Any]:
    """Return values, ranges, default and meaning; a default that follows another option is told in words."""
    named = [{"type": "string", "enum": list(option.names)}] if option.names else []
    kinds: list[dict[str, Any]] = [*named, *([dict(option.pattern.schema)] if option.pattern else [])]
    values = kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
    if isinstance(option.default, Follows):
        return {"description": f"{described(option, '`')}. By default {default_of(option, '`')}.", **values}
    return {"description": described(option, "`"), **values, "default": option.default}


def _parameter(name: str, option: Option) -> dict[str, Any]:
    return {
        "name": header_of(name),
        "in": "header",
        "description": option.description,
        "schema": {"$ref": f"#/components/schemas/{name}"},
    }

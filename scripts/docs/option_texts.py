"""An option of the code's table -> what README and the client's help say of it."""

from handler.option import Follows, Option, Others, Value, either


def described(option: Option, mark: str = "") -> str:
    """Return what it is and its values, with `mark` around what is typed as it stands."""
    values = [f"{mark}{value.name}{mark}{_notes(value, mark)}" for value in option.values]
    if option.pattern:
        typed = mark if isinstance(option.pattern.shape, str) else ""
        values.append(f"{typed}{option.pattern.rule}{typed}")
    return "; ".join([f"{option.description}: {either(values)}", *_only(option.fits, mark)])


def default_of(option: Option, mark: str = "") -> str:
    """Return the default as it is typed."""
    if isinstance(option.default, Follows):
        other, cases, otherwise = option.default
        told = [f"{mark}{default}{mark} for {other} {mark}{case}{mark}" for case, default in cases.items()]
        return ", ".join([*told, f"else {mark}{otherwise}{mark}"])
    number = isinstance(option.default, float)
    return f"{mark}{option.default:g}{mark}" if number else f"{mark}{option.default}{mark}"


def row(name: str, option: Option) -> str:
    """README's row, in Markdown: header, field, values and default."""
    return f"| `Portrait-{name.title()}` | `{name}` | {described(option, '`')} | {default_of(option, '`')} |"


def _notes(value: Value, mark: str) -> str:
    notes = [*([value.meaning] if value.meaning else []), *_only(value.needs, mark)]
    return f" ({'; '.join(notes)})" if notes else ""


def _only(others: Others, mark: str) -> list[str]:
    return [f"{other} {either(f'{mark}{name}{mark}' for name in names)} only" for other, names in others.items()]

"""The README's table of options is the code's."""

from handler.options import OPTIONS
from scripts.docs.option_texts import row
from scripts.serving.paths import ROOT


def test_the_table_has_a_row_for_each_option_as_the_code_has_it() -> None:
    lines = (ROOT / "README.md").read_text().splitlines()
    assert [line for line in lines if line.startswith("| `Portrait-")] == [row(*item) for item in OPTIONS.items()]

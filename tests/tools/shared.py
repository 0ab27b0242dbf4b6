"""What tests read from `../shared`, beside the checkout: too large for the repository, or not ours to publish."""

from pathlib import Path

import pytest

from scripts.serving.paths import ROOT

_SHARED = ROOT.parent / "shared"


def shared(name: str) -> Path:
    """Return the path of ../shared/NAME, whether it is there or not."""
    return _SHARED / name


def needs_shared(*names: str) -> pytest.MarkDecorator:
    """Skip the test, naming what is missing, unless all of `names` are in ../shared."""
    missing = [f"../shared/{name}" for name in names if not shared(name).exists()]
    return pytest.mark.skipif(bool(missing), reason=f"missing beside the checkout: {', '.join(missing)}")

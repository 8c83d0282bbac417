"""The short top-level names belong to this application, not to an installed distribution."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("name", ["schema", "liveops", "tables", "agents", "web"])
def test_the_package_lies_in_this_repository(name: str) -> None:
    file = import_module(name).__file__
    assert file is not None
    assert Path(file).resolve().is_relative_to(ROOT)

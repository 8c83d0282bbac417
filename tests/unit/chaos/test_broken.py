"""The broken builds still fit the code they break."""

from __future__ import annotations

import py_compile
from pathlib import Path

import pytest

from tests.chaos.broken import BUILDS, Broken, build


@pytest.mark.parametrize("broken", BUILDS, ids=lambda broken: broken.name)
def test_a_build_takes_out_one_safeguard_and_still_compiles(broken: Broken, tmp_path: Path) -> None:
    build(broken, tmp_path / "tree")
    changed = tmp_path / "tree" / broken.file
    assert broken.new in changed.read_text("utf-8")
    py_compile.compile(str(changed), doraise=True)

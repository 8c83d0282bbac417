"""What `make` installs: a command that runs the checkout it stands in."""

from __future__ import annotations

import shutil
import subprocess
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
STAMP = ".venv/.run.stamp"


def call(folder: Path, *words: str) -> str:
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout installed with a pip that has nothing to do."""
    folder = tmp_path_factory.mktemp("with a space")
    shutil.copy(ROOT / "Makefile", folder)
    (folder / "requirements.lock").write_text("")
    (folder / "liveops").mkdir()
    (folder / "liveops/__init__.py").write_text("")
    (folder / "liveops/__main__.py").write_text("import sys\nprint('called', *sys.argv[1:])\n")
    venv.create(folder / ".venv", symlinks=True)
    [packages] = (folder / ".venv").glob("lib/python*/site-packages")
    (packages / "pip").mkdir()
    (packages / "pip/__main__.py").write_text("")
    call(folder, "make", STAMP)
    return folder


def test_the_command_works_from_anywhere_and_by_a_link(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "liveops.py").write_text("raise SystemExit('another one')")
    link = tmp_path / "link"
    link.symlink_to(checkout / ".venv/bin/liveops")
    for command in (str(link), str(checkout / ".venv/bin/liveops")):
        assert call(tmp_path, command, "up", "a b") == "called up a b\n"


def test_nothing_is_done_twice(checkout: Path) -> None:
    assert "up to date" in call(checkout, "make", STAMP)


def test_a_moved_checkout_is_noticed_and_its_command_still_works(checkout: Path) -> None:
    moved = checkout.rename(checkout.with_name("moved"))
    try:
        assert "made anew" in call(moved, "make", "-n", STAMP)
        assert call(moved, ".venv/bin/liveops") == "called\n"
    finally:
        moved.rename(checkout)

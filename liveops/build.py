"""Which build this is: version, and the commit when it runs from a checkout or an image."""

from __future__ import annotations

import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

from liveops import __version__

_ROOT = Path(__file__).resolve().parent.parent
#: Written by the image's build, which has no history to ask.
_STAMP = _ROOT / "build.json"


@cache
def build_info() -> dict[str, Any]:
    """`{"app": {"name", "version"}, "build": {"commit", "time"}}`; unknown parts are null."""
    try:
        build = json.loads(_STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        build = _from_git()
    return {"app": {"name": "liveops-ai", "version": __version__}, "build": build}


def _from_git() -> dict[str, str | None]:
    command = ["git", "-C", str(_ROOT), "log", "-1", "--format=%H %cI"]
    try:
        done = subprocess.run(  # noqa: S603 - fixed command, no input
            command, capture_output=True, text=True, timeout=5, check=True
        )
        commit, time = done.stdout.split()
    except (OSError, subprocess.SubprocessError, ValueError):
        return {"commit": None, "time": None}
    return {"commit": commit, "time": time}

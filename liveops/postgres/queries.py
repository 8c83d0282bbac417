"""SQL by name: each query lives in `sql/<file>.sql` under `-- name: <query>`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


@cache
def load(file: str) -> Mapping[str, str]:
    """All queries of `sql/<file>.sql` by name; KeyError for an unknown name."""
    text = files("liveops.postgres").joinpath("sql", f"{file}.sql").read_text(encoding="utf-8")
    parts = _NAME.split(text)
    return MappingProxyType(dict(zip(parts[1::2], map(str.strip, parts[2::2]), strict=True)))

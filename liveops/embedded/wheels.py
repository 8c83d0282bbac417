"""Programs that came in wheels of the extra `[embedded]`."""

from __future__ import annotations

import importlib.util
from pathlib import Path


def in_wheel(package: str, *parts: str) -> Path | None:
    """A file of an installed package, found without importing it; None when absent."""
    spec = importlib.util.find_spec(package)
    for location in (spec.submodule_search_locations if spec else None) or ():
        path = Path(location).joinpath(*parts)
        if path.exists():
            return path
    return None

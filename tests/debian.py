"""Programs of Debian that tests start; .ci/run installs them."""

from __future__ import annotations

import shutil

import pytest

#: Where servers are installed; not everybody has it on PATH.
_SERVERS = "/usr/sbin"


def program(name: str, package: str) -> str:
    """Its path; skips the test where it is not installed."""
    found = shutil.which(name) or shutil.which(name, path=_SERVERS)
    if found is None:
        print(f"skipped: no {name} on PATH (Debian: apt-get install {package})")
        pytest.skip(f"no {name} on PATH (Debian: apt-get install {package})")
    return found


def promtool() -> str:
    """Prometheus' own checker of metrics, rules and configurations."""
    return program("promtool", "prometheus")

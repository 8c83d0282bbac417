"""Composition roots: each module wires one worker, top to bottom in the data's order."""

from __future__ import annotations

#: Workers by name with the port of their first copy.
PORTS: dict[str, int] = {
    "auth": 8080,
    "metrics": 8081,
    "incidents": 8082,
    "analysis": 8083,
    "archive": 8084,
}
#: Ports of further copies step by this.
PORT_STEP = 10


def port_of(name: str, index: int) -> int:
    """Usual HTTP port of copy `index` (from 1) of a worker."""
    return PORTS[name] + PORT_STEP * (index - 1)

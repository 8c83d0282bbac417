"""Ports: the usual one, else the one of last time, else any free one."""

from __future__ import annotations

import json
import random
import socket
import threading
from pathlib import Path

from liveops.errors import StartError

#: Below the ephemeral ports of Linux (from 32768) and of the others (from 49152).
CHANCE = range(20_000, 32_000)


def is_free(host: str, port: int) -> bool:
    """True when a server could listen there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Servers set this too: a port in TIME_WAIT is free, one listened on is not.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def any_free(host: str) -> int:
    """A port nobody listens on now, by chance, so that two who ask rarely get the same.

    Below those the system gives to clients: one of them would otherwise now and then
    hold the port when the server comes to it.
    """
    for port in random.sample(CHANCE, len(CHANCE)):
        if is_free(host, port):
            return port
    raise StartError(f"no free port on {host}")


class PortBook:
    """Hands out ports once each, and remembers them in the file `memory`, if any.

    A `usual` port of 0 asks for any free one.
    """

    def __init__(self, host: str, memory: Path | None = None) -> None:
        self._host = host
        self._memory = memory
        self._given: set[int] = set()
        self._lock = threading.Lock()  # servers are prepared in threads
        self._known = _read(memory)

    def choose(self, name: str, usual: int) -> int:
        """A free port for `name`, remembered for the next start."""
        with self._lock:
            wanted = [usual, self._known.get(name, 0)]
            port = next((p for p in wanted if p and self._usable(p)), 0)
            while not port or port in self._given:
                port = any_free(self._host)
            self._given.add(port)
            self._remember(name, port)
        return port

    def _remember(self, name: str, port: int) -> None:
        if self._memory and self._known.get(name) != port:
            self._known[name] = port
            self._memory.write_text(json.dumps(self._known, indent=1), encoding="ascii")

    def _usable(self, port: int) -> bool:
        return port not in self._given and is_free(self._host, port)


def _read(memory: Path | None) -> dict[str, int]:
    try:
        known = json.loads(memory.read_text(encoding="ascii")) if memory else {}
        return {str(name): int(port) for name, port in known.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}  # never written, or torn by a crash: ports are chosen anew

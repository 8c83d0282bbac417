"""Log files of the parts: kept small, and followed to the terminal.

Parts write into their files themselves, so that they outlive a killed supervisor.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

FULL_BYTES = 20_000_000
FOLLOW_POLL_S = 0.2
LAST_BYTES = 4096


def open_log(path: Path) -> BinaryIO:
    """Open for appending; a full file becomes `NAME.log.1` first."""
    if path.exists() and path.stat().st_size > FULL_BYTES:
        path.replace(path.with_name(path.name + ".1"))
    path.touch(mode=0o600)
    return path.open("ab")


def last_line(path: Path) -> str:
    """The last line that says something, for error messages."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - LAST_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return "no log"
    return next((line.strip() for line in reversed(lines) if line.strip()), "its log is empty")


@dataclass(slots=True)
class _Follower:
    """How far one log has been shown."""

    name: str
    path: Path
    offset: int

    def new_lines(self) -> list[str]:
        """Whole lines written since the last call; a shrunk file is read from its start."""
        try:
            size = self.path.stat().st_size
            if size < self.offset:
                self.offset = 0
            with self.path.open("rb") as file:
                file.seek(self.offset)
                chunk = file.read()
        except OSError:
            return []
        whole = chunk.rpartition(b"\n")[0]
        if whole:
            self.offset += len(whole) + 1
        return whole.decode("utf-8", "replace").splitlines()


async def follow(logs: Iterable[tuple[str, Path]], show: Callable[[str], None]) -> None:
    """Show what is written from now on, each line with its part's name; runs until cancelled."""
    followers = [
        _Follower(name, path, path.stat().st_size if path.exists() else 0) for name, path in logs
    ]
    while True:
        for follower in followers:
            for line in follower.new_lines():
                show(f"{follower.name:<10} | {line}")
        await asyncio.sleep(FOLLOW_POLL_S)

"""Where everything lives in the data directory, and who may own it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from liveops.errors import StartError


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths inside one data directory."""

    root: Path

    @property
    def kafka(self) -> Path:
        return self.root / "kafka"

    @property
    def postgres(self) -> Path:
        """The home of the cluster; a link when `root` is closed to its user."""
        return self.root / "postgres"

    @property
    def valkey(self) -> Path:
        return self.root / "valkey"

    @property
    def run(self) -> Path:
        """Pid files, remembered ports, the list of components."""
        return self.root / "run"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def components(self) -> Path:
        return self.run / "components.json"

    @property
    def lock(self) -> Path:
        return self.run / "supervisor.lock"

    @property
    def credentials(self) -> Path:
        """`{"admin":{"password":..}, ...}` of the first users."""
        return self.root / "credentials.json"

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def pid_file(self, name: str) -> Path:
        return self.run / f"{name}.pid"

    def create(self) -> None:
        """Make the directories; StartError when the place is not writable."""
        try:
            # Others may pass through the root (PostgreSQL runs as `nobody` for root)
            # but read nothing in it.
            _make(self.root, 0o711 if os.geteuid() == 0 else 0o700)
            for path in (self.kafka, self.valkey, self.run, self.secrets, self.logs):
                _make(path, 0o700)
        except OSError as error:
            raise StartError(f"data directory {self.root}: {error.strerror}") from None


def _make(path: Path, mode: int) -> None:
    if not path.is_dir():
        path.mkdir(parents=True)
        path.chmod(mode)


def is_held(layout: Layout) -> bool:
    """True while some process holds the data directory."""
    try:
        with layout.lock.open("r", encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False  # never used, or not ours to look at
    return False


@contextmanager
def exclusive(layout: Layout) -> Iterator[None]:
    """Hold the data directory; StartError when another process holds it.

    The kernel drops the lock with its owner, so kill -9 leaves none behind.
    """
    with layout.lock.open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = layout.lock.read_text(encoding="ascii").strip() or "unknown"
            raise StartError(
                f"{layout.root} is already in use by another liveops process (pid {owner})"
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)

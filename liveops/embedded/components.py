"""The list of what runs, kept on disk for `liveops status`."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict, dataclass, replace
from typing import Literal
from urllib.parse import urlsplit

from liveops.embedded.layout import Layout, is_held
from liveops.embedded.part import Running
from liveops.embedded.process import Identity, is_running
from liveops.embedded.secret_file import write_private
from liveops.embedded.servers import ALL
from liveops.embedded.workers import WORKERS, answers
from liveops.errors import LiveOpsError

State = Literal["up", "down", "starting"]
CONNECT_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class Component:
    """One server or worker. `pid` None: not ours (given by URL) or never started."""

    name: str
    kind: str
    pid: int | None
    port: int | None
    state: State
    url: str
    birth: str = ""

    def public(self) -> dict[str, object]:
        """The form of `status --json`."""
        fields = asdict(self)
        del fields["birth"]
        return fields


def of_running(running: Running, state: State) -> Component:
    """The component of a process that we started."""
    part, identity = running.part, running.identity
    return Component(part.name, part.kind, identity.pid, part.port, state, part.url, identity.birth)


def of_external(name: str, url: str) -> Component:
    """A server that somebody else runs."""
    return Component(name, "server", None, _address(url)[1], "up", url)


def write(layout: Layout, components: list[Component]) -> None:
    """Replace the list; readable by the owner only, as URLs hold passwords."""
    write_private(layout.components, json.dumps([asdict(c) for c in components], indent=1))


def read(layout: Layout) -> list[Component]:
    """The list as last written; all known names as down when nothing ever ran."""
    try:
        entries = json.loads(layout.components.read_text(encoding="utf-8"))
        known = [Component(**entry) for entry in entries]
    except FileNotFoundError:
        known = planned("down")
    except (OSError, ValueError, TypeError) as error:
        raise LiveOpsError(f"cannot read {layout.components}: {error}") from None
    if is_held(layout):
        return known
    # Nobody is starting anything any more.
    return [replace(c, state="down") if c.state == "starting" else c for c in known]


def planned(state: State) -> list[Component]:
    """One component of each name, before anything is known about it."""
    servers = [Component(name, "server", None, None, state, "") for name in ALL]
    return servers + [Component(name, "worker", None, None, state, "") for name in WORKERS]


async def observe(components: list[Component]) -> list[Component]:
    """The same list with the state of this moment."""
    return list(await asyncio.gather(*(_observe(component) for component in components)))


async def _observe(component: Component) -> Component:
    if component.pid is None and not component.url:
        return component
    if component.pid is not None and not is_running(Identity(component.pid, component.birth)):
        return replace(component, state="down", pid=None)
    if component.kind == "worker":
        healthy = await answers(component.url)
    else:
        healthy = await _accepts(component.url)
    if healthy:
        return replace(component, state="up")
    return replace(component, state="starting" if component.state == "starting" else "down")


async def _accepts(url: str) -> bool:
    host, port = _address(url)
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            _, writer = await asyncio.open_connection(host, port)
    except OSError:  # a timeout is one too
        return False
    writer.close()
    return True


def _address(url: str) -> tuple[str, int | None]:
    """Host and port of the first server of a URL or of `host:port[,host:port]`."""
    first = url.split(",")[0]
    parts = urlsplit(first if "//" in first else f"//{first}")
    usual = {"postgresql": 5432, "postgres": 5432, "redis": 6379, "rediss": 6379}
    return parts.hostname or "127.0.0.1", parts.port or usual.get(parts.scheme, 9092)

"""The three servers together: for `liveops up`, tests and CI alike."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from liveops.embedded import kafka, postgres, valkey
from liveops.embedded.layout import Layout
from liveops.embedded.part import Part, Running, end, start
from liveops.embedded.ports import PortBook

Say = Callable[[str], None]
ALL = ("kafka", "postgres", "valkey")


@dataclass(frozen=True, slots=True)
class Servers:
    """Started servers by name."""

    layout: Layout
    running: dict[str, Running] = field(default_factory=dict)

    def url(self, name: str) -> str:
        """What a client needs: `host:port` of Kafka, else a URL with user and password."""
        return self.running[name].part.url

    async def stop(self) -> None:
        """Stop all of them, politely first."""
        await asyncio.gather(*(end(r, self.layout) for r in self.running.values()))
        self.running.clear()


async def start_servers(
    layout: Layout,
    say: Say,
    *,
    names: tuple[str, ...] = ALL,
    ports: PortBook | None = None,
    sync: bool = True,
) -> Servers:
    """Start `names` at once and wait until they answer.

    Raises StartError when one cannot start; the others are stopped again.
    """
    book = ports or PortBook("127.0.0.1", layout.run / "ports.json")
    servers = Servers(layout)

    async def bring_up(name: str) -> None:
        began_s = time.monotonic()
        part = await asyncio.to_thread(_prepare, name, layout, book, say, sync)
        servers.running[name] = await start(part, layout)
        say(f"{name}: up on 127.0.0.1:{part.port} ({time.monotonic() - began_s:.1f} s)")

    try:
        async with asyncio.TaskGroup() as group:
            for name in names:
                group.create_task(bring_up(name))
    except BaseExceptionGroup as errors:
        raise first_of(errors) from None
    finally:
        if len(servers.running) < len(names):
            await servers.stop()
    return servers


def _prepare(name: str, layout: Layout, ports: PortBook, say: Say, sync: bool) -> Part:
    if name == "kafka":
        return kafka.prepare(layout, ports, say)
    if name == "postgres":
        return postgres.prepare(layout, ports, sync=sync)
    return valkey.prepare(layout, ports)


def first_of(error: BaseException) -> BaseException:
    """The one error of a group of tasks that the operator has to read."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error

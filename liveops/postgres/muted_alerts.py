"""Alerts of others that fire under a silence; they come once, so they are kept until it ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from liveops.postgres.database import Database
from liveops.postgres.queries import load
from schema.incidents import Detection

#: Looked at in one round.
MAX_LOOKED_AT = 1000


async def note_alerts(
    database: Database, muted: Sequence[Detection], over: Sequence[Detection]
) -> None:
    """Keep what is muted, forget what is over; raises Unavailable."""
    if not muted and not over:
        return
    queries = load("silences")
    async with database.transaction() as con:
        await con.executemany(
            queries["keep_muted"], [(one.id, msgspec.to_builtins(one)) for one in muted]
        )
        await con.execute(queries["forget_muted"], [one.id for one in over])


async def tell_unmuted(
    database: Database,
    is_muted: Callable[[Detection], bool],
    tell: Callable[[Detection], Awaitable[object]],
) -> int:
    """Tell what no silence mutes any more, then forget it; how many. Raises Unavailable.

    An end that comes meanwhile waits for the transaction, and is told after the alert.
    """
    queries = load("silences")
    async with database.transaction() as con:
        rows = await con.fetch(queries["muted"], MAX_LOOKED_AT)
        kept = [msgspec.convert(row["detection"], Detection) for row in rows]
        free = [one for one in kept if not is_muted(one)]
        for one in free:
            await tell(one)
        if free:
            await con.execute(queries["forget_muted"], [one.id for one in free])
    return len(free)

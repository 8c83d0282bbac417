"""Stored windows as rules judge them."""

from __future__ import annotations

from fnmatch import fnmatchcase

from liveops.errors import InvalidInput
from liveops.postgres.database import Database
from liveops.postgres.queries import load
from liveops.postgres.services import read_services
from liveops.slices import in_slices
from schema.metrics import Aggregate
from schema.times import to_datetime

#: Windows of one rehearsal at most.
MAX_WINDOWS = 200_000


async def services_like(database: Database, pattern: str, since_s: float) -> list[str]:
    """Services with windows since a time that a rule's glob chooses; raises Unavailable."""
    found = await read_services(database, since_s)
    return [one.service_name for one in found if fnmatchcase(one.service_name, pattern)]


async def read_judged(
    database: Database, services: list[str], window: str, from_s: float, to_s: float
) -> list[Aggregate]:
    """Closed windows that start in [from, to), the oldest first.

    Raises InvalidInput when there are too many to judge at once, and Unavailable.
    """
    async with database.connection() as con:
        rows = await con.fetch(
            load("history")["judged"],
            services,
            window,
            to_datetime(from_s),
            to_datetime(to_s),
            MAX_WINDOWS + 1,
        )
    if len(rows) > MAX_WINDOWS:
        raise InvalidInput(f"over {MAX_WINDOWS} windows: choose fewer services or a shorter time")
    return await in_slices(
        lambda row: Aggregate(window=window, final=True, histogram={}, **row), rows
    )

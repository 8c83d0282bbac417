"""What rules that learn remember of series, and the stored windows they learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from liveops.detection.stored import FORM, READ_FORMS
from liveops.postgres.database import Database
from liveops.postgres.queries import load
from schema.rules import Rule
from schema.times import to_datetime

#: Windows of a service read at once at most; the newest count.
MAX_WINDOWS = 500_000


@dataclass(frozen=True, slots=True)
class Memory:
    """A series as a rule remembers it; `newest_s` is the start of the newest window in it."""

    rule_id: str
    service: str
    series: str
    newest_s: float
    state: bytes


async def read_memory(database: Database, rule_id: str, service: str) -> list[Memory]:
    """What a rule remembers of a service's series; raises Unavailable."""
    async with database.connection() as con:
        rows = await con.fetch(load("detector_memory")["read"], service, rule_id, READ_FORMS)
    return [
        Memory(rule_id, service, row["series"], float(row["newest_s"]), row["state"])
        for row in rows
    ]


async def save_memory(database: Database, memories: Sequence[Memory]) -> None:
    """Keep these in the place of what was kept before; raises Unavailable."""
    rows = [
        (one.rule_id, one.service, one.series, to_datetime(one.newest_s), FORM, one.state)
        for one in memories
    ]
    async with database.connection() as con:
        await con.executemany(load("detector_memory")["save"], rows)


async def read_values(
    database: Database, rule: Rule, service: str, after_s: float, until_s: float
) -> list[tuple[str, int, float]]:
    """Series, start and what the rule judges of closed windows, the oldest first.

    Starts lie in (after, until], epoch seconds. Raises Unavailable.
    """
    async with database.connection() as con:
        rows = await con.fetch(
            load("detector_memory")["windows"],
            service,
            rule.window,
            to_datetime(after_s),
            to_datetime(until_s),
            rule.field,
            MAX_WINDOWS,
        )
    return [
        (row["series"], row["start_s"], row["value"]) for row in rows if row["value"] is not None
    ]


async def read_points(
    database: Database,
    rule: Rule,
    service: str,
    series: Sequence[str],
    span_s: tuple[float, float],
    point_s: float,
) -> list[tuple[str, int, float]]:
    """Series, place and mean of what the rule judges of closed windows, by series and time.

    Place k is [k·`point_s`, (k + 1)·`point_s`); windows start in the span, its end included.
    Raises Unavailable.
    """
    async with database.connection() as con:
        rows = await con.fetch(
            load("detector_memory")["points"],
            service,
            rule.window,
            *map(to_datetime, span_s),
            list(series),
            rule.field,
            point_s,
        )
    return [(row["series"], row["place"], row["value"]) for row in rows if row["value"] is not None]

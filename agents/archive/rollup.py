"""Stored windows → windows of an hour and a day, for ranges over months.

Which rollups a window changes is noted in the transaction that stores it (the query
`note_changes`). Once an hour or a day has been over for a while it is merged from all that is
stored of it, and again after every change: rollups and the end of the note in one
transaction, so that it does not matter where a worker dies. Days stored by a version that
made no rollups are worked off a service at a time, the newest first.
"""

from __future__ import annotations

import asyncio
import math
from datetime import date

import structlog

from liveops.clock import Clock
from liveops.metrics.archive import ROLLUP_BACKLOG, ROLLUPS_DUE, ROLLUPS_MADE
from liveops.postgres import rollups
from liveops.postgres.archive import Connection
from liveops.postgres.database import Database
from liveops.postgres.partitions import make_month
from liveops.postgres.rollups import Backlog, Due
from liveops.runtime.retry import retrying
from liveops.window_query.downsampling import by_time
from liveops.window_query.merging import WindowJson
from schema.metrics import ROLLUP_S
from schema.times import parse_edge, to_datetime

log = structlog.get_logger(__name__)
#: So long after its end an hour or a day is rolled up: corrections in the stream are over.
SETTLE_S = 600
_POLL_S = 5.0
_LONGEST_PAUSE_S = 10.0
#: Rollups of services in one transaction.
_ROUND = 50
_HOUR_S, _DAY_S = ROLLUP_S["1h"], ROLLUP_S["1d"]


class RollupAgent:
    """Makes rollups, one worker of all at a time."""

    def __init__(self, database: Database, clock: Clock, *, keep_days: int) -> None:
        self._database = database
        self._clock = clock
        self._keep_days = keep_days

    async def work(self) -> None:
        """A round every few seconds, or at once while there is more to do."""
        while True:
            tries = retrying("postgres, to make rollups", longest_s=_LONGEST_PAUSE_S)
            more: bool = await tries(self.round)
            if not more:
                await asyncio.sleep(_POLL_S)

    async def round(self) -> bool:
        """Make some rollups: of hours first, then of days, then of what is old.

        Whether there may be more.
        """
        async with self._database.transaction() as con:
            if not await rollups.only_one(con):
                return False
            for window, size_s in ROLLUP_S.items():
                until_s = self._clock.now_s() - size_s - SETTLE_S
                ROLLUPS_DUE.labels(window).set(await rollups.waiting(con, window, until_s))
                found = await rollups.due(con, window, until_s, _ROUND)
                if found:
                    for item in found:
                        await self._make(con, window, item)
                    await rollups.done(con, found)
                    return True
            return await self._work_off(con)

    async def _make(self, con: Connection, window: str, item: Due) -> None:
        span = (item.start_s, item.start_s + ROLLUP_S[window])
        parts = await rollups.windows_of(con, item.service, span, hourly=window == "1d")
        changed = await self._store(con, window, parts)
        if changed and window == "1h":
            day_s = item.start_s // _DAY_S * _DAY_S
            await rollups.add_change(con, item.service, "1d", day_s)

    async def _store(self, con: Connection, window: str, parts: list[WindowJson]) -> int:
        """Merge and store; how many rollups say something new.

        What was kept shorter than rollups may be gone: nothing is made of nothing.
        """
        size_s = ROLLUP_S[window]
        oldest_s = self._clock.now_s() - (self._keep_days + 1) * _DAY_S
        made = await asyncio.to_thread(by_time, parts, size_s, math.inf)
        kept = [one for one in made if parse_edge(one["end"]) > oldest_s]
        for month in {to_datetime(parse_edge(one["start"])).date().replace(day=1) for one in kept}:
            await self._make_month(con, month)
        changed = await rollups.upsert_rollups(con, window, kept)
        ROLLUPS_MADE.labels(window).inc(changed)
        return changed

    async def _make_month(self, con: Connection, month: date) -> None:
        """Usually there already; looked up, as a rolled back transaction takes it away."""
        if not await rollups.has_month(con, month):
            await make_month(con, month)

    async def _work_off(self, con: Connection) -> bool:
        """The rollups of one service and day from before there were any."""
        backlog = await rollups.next_backlog(con)
        ROLLUP_BACKLOG.set(0 if backlog is None else backlog.days)
        if backlog is None:
            return False
        span = (backlog.day_s, backlog.day_s + _DAY_S)
        service = await rollups.next_service(con, backlog.done, span)
        if service is not None:
            await self._make_day(con, service, backlog)
        await rollups.pass_backlog(con, backlog.day_s, service)
        return True

    async def _make_day(self, con: Connection, service: str, backlog: Backlog) -> None:
        """Hours that are over are rolled up, others and the day are noted as changed."""
        over_s = self._clock.now_s() - _HOUR_S - SETTLE_S
        span = (backlog.day_s, backlog.day_s + _DAY_S)
        parts = await rollups.windows_of(con, service, span, hourly=False)
        await self._store(con, "1h", [part for part in parts if _hour_of(part) <= over_s])
        for hour_s in sorted({_hour_of(part) for part in parts}):
            if hour_s > over_s:
                await rollups.add_change(con, service, "1h", hour_s)
        await rollups.add_change(con, service, "1d", backlog.day_s)
        await rollups.note_metrics(con, service, span)


def _hour_of(window: WindowJson) -> int:
    return int(parse_edge(window["start"])) // _HOUR_S * _HOUR_S

"""The long memory of rules that learn: kept in PostgreSQL now and then, read when needed.

The changelog holds alarms and how far each series was judged; what a rule has learned is
made again from what was kept of it and from the stored windows up to there.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Container, Iterable, Sequence

import structlog

from agents.incidents.watched import WatchedServices
from agents.incidents.window_records import WindowRecord
from liveops.clock import Clock
from liveops.detection import stored
from liveops.detection.relive import PAST_S, Past, recalled, relive
from liveops.detection.rule_bank import RuleBank
from liveops.detection.rulebook import RuleBook
from liveops.errors import Unavailable
from liveops.metrics.detection import MEMORY_RECALLED, MEMORY_SAVED
from liveops.postgres.database import Database
from liveops.postgres.detector_memory import Memory, read_memory, read_values, save_memory

log = structlog.get_logger(__name__)
#: How old what is kept of a series may be before it is kept anew, while windows come.
KEEP_EVERY_S = 3600.0
#: Series looked at in one round, and kept in one round at most.
_LOOKED_AT, _KEPT_AT_ONCE = 100, 10
#: Waiting to be written while PostgreSQL is away; more are left for later rounds.
_MOST_WAITING = 200
#: PostgreSQL is away: what was learned is asked for again after this.
_AGAIN_S = 30.0


class Remembering:
    """Keeps and recalls what the banks of this worker hold."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._waiting: deque[Memory] = deque()
        self._arrived = asyncio.Event()
        self._generation = 0
        self.begin()

    def begin(self) -> None:
        """The assignment changed: nothing is recalled yet."""
        #: Rule and service → when to ask again; infinite when it was recalled.
        self._asked: dict[tuple[str, str], float] = {}
        self._saved_s: dict[tuple[str, str, str], float] = {}
        self._round: deque[tuple[str, str, str, int]] = deque()
        self._generation += 1

    def renew(self, rules: Container[str]) -> None:
        """The banks of these rules are new: nothing is recalled in them."""
        self._asked = {key: at_s for key, at_s in self._asked.items() if key[0] not in rules}

    async def recall(
        self, services: WatchedServices, book: RuleBook, records: Iterable[WindowRecord]
    ) -> None:
        """Have the rules remember the services of these records; without PostgreSQL they learn."""
        first_s: dict[tuple[str, str], float] = {}
        for record in records:
            for window in record.windows:
                key = (record.service, window.window)
                first_s[key] = min(window.start_s, first_s.get(key, window.start_s))
        for rule_id, bank in list(services.learned.banks.items()):
            missing = {
                service: start_s
                for (service, window), start_s in first_s.items()
                if window == bank.rule.window and self._is_missing(bank, service)
            }
            if missing and services.learned.banks.get(rule_id) is bank:
                await self._recall(services, bank, missing)

    def _is_missing(self, bank: RuleBank, service: str) -> bool:
        again_s = self._asked.get((bank.rule.id, service), 0.0)
        return again_s <= self._clock.now_s() and bank.may_choose(service)

    async def _recall(
        self, services: WatchedServices, bank: RuleBank, first_s: dict[str, float]
    ) -> None:
        generation = self._generation
        try:
            past = Past()
            for service, start_s in first_s.items():
                await self._read(services, bank, service, start_s, past)
            fresh = await asyncio.to_thread(_relived, bank, past)
        except Unavailable:
            log.warning("what was learned cannot be read, postgres is away", services=len(first_s))
            again_s = self._clock.now_s() + _AGAIN_S
            self._asked |= {(bank.rule.id, service): again_s for service in first_s}
            return
        if generation != self._generation:
            return  # revoked meanwhile
        bank.adopt(fresh)
        self._asked |= {(bank.rule.id, service): float("inf") for service in first_s}
        MEMORY_RECALLED.inc(len(fresh))

    async def _read(
        self,
        services: WatchedServices,
        bank: RuleBank,
        service: str,
        first_s: float,
        past: Past,
    ) -> None:
        """Kept memory of a service, and the windows judged since; none that is yet to come."""
        window = bank.rule.window
        kept = await read_memory(self._database, bank.rule.id, service)
        newest_s = {memory.series: memory.newest_s for memory in kept}
        watched = services.by_name.get(service)
        series = watched.state.series if watched else {}
        judged_s = {name: float(one.closed_s.get(window, -1)) for name, one in series.items()}
        until_s = max([first_s - 1.0, *judged_s.values()])
        since_s = until_s - PAST_S
        if kept and judged_s.keys() <= newest_s.keys():
            since_s = max(since_s, min(newest_s.values()))
        windows = await read_values(self._database, bank.rule, service, since_s, until_s)
        past.windows += [
            (start_s, service, name, value)
            for name, start_s, value in windows
            if newest_s.get(name, 0.0) < start_s <= judged_s.get(name, first_s - 1.0)
        ]
        past.kept |= {(service, memory.series): memory.state for memory in kept}

    def due(self, services: WatchedServices) -> list[Memory]:
        """Series to keep now; only between chunks, when all that was learned is in the state."""
        if not self._round:
            self._begin_round(services)
        found: list[Memory] = []
        now_s = self._clock.now_s()
        for _ in range(min(_LOOKED_AT, len(self._round))):
            if len(found) >= _KEPT_AT_ONCE or len(self._waiting) >= _MOST_WAITING:
                break
            rule_id, service, series, row = self._round.popleft()
            bank = services.learned.banks.get(rule_id)
            if bank is None or bank.find(service, series) != row:
                continue
            # A series that is new here is kept after an hour, each at another minute.
            first_s = now_s - KEEP_EVERY_S * (row % 60) / 60.0
            saved_s = self._saved_s.setdefault((rule_id, service, series), first_s)
            newest_s = bank.newest_s(service, series)
            if now_s - saved_s >= KEEP_EVERY_S and newest_s > 0:
                self._saved_s[(rule_id, service, series)] = now_s
                state = stored.encode(bank.bank, row)
                found.append(Memory(rule_id, service, series, newest_s, state))
        return found

    def _begin_round(self, services: WatchedServices) -> None:
        """Look at every series again; those that are gone are let go of."""
        self._round.extend(
            (rule_id, service, series, row)
            for rule_id, bank in services.learned.banks.items()
            for service, series, row in bank.rows()
        )
        here = {one[:3] for one in self._round}
        self._saved_s = {key: at_s for key, at_s in self._saved_s.items() if key in here}
        gone, services.dropped = services.dropped, set()
        if gone:
            self._asked = {key: at_s for key, at_s in self._asked.items() if key[1] not in gone}

    def keep(self, memories: Sequence[Memory]) -> None:
        """The state that goes with these is stored: they may be."""
        self._waiting.extend(memories)
        if memories:
            self._arrived.set()

    async def run(self) -> None:
        """Write what is to be kept; while PostgreSQL is away it waits, within a bound."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                batch = [self._waiting[at] for at in range(min(_KEPT_AT_ONCE, len(self._waiting)))]
                try:
                    await save_memory(self._database, batch)
                except Unavailable:
                    await asyncio.sleep(_AGAIN_S)
                    continue
                for _ in batch:
                    self._waiting.popleft()
                MEMORY_SAVED.inc(len(batch))


def _relived(bank: RuleBank, past: Past) -> RuleBank:
    fresh = recalled(bank.rule, past.kept)
    relive(fresh, past.windows)
    return fresh

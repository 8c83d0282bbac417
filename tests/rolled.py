"""A service whose windows are stored, held back and corrected: for tests of rollups."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import numpy as np
import orjson

from agents.archive.rollup import RollupAgent
from liveops.clock import FakeClock
from liveops.deps import Deps
from liveops.postgres import archive
from liveops.postgres.database import Database
from liveops.postgres.history import WindowQuery
from liveops.settings import Settings
from liveops.windows.block import Block
from liveops.windows.buckets import histograms, packs
from schema.metrics import POINT_FIELDS, WINDOW_S, Aggregate
from schema.windows import write_window
from web.history_answer import HistoryAnswer
from web.rolled_history import collect_rolled
from web.window_history import collect

ROWS = np.zeros(1, np.int64)
FIGURES = POINT_FIELDS[: POINT_FIELDS.index("rate")]
#: Metric type and tag of a series.
Series = tuple[str, str]


class Crash(Exception):
    """The worker died here."""


class CrashingDatabase:
    """A database whose transactions break off before their `at`-th call."""

    def __init__(self, database: Database, at: int | None = None) -> None:
        self._database = database
        self.at = at

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        async with self._database.transaction() as con:
            yield _Connection(con, self)


class _Connection:
    def __init__(self, con: Any, database: CrashingDatabase) -> None:
        self._con, self._database = con, database

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._con, name)

        async def counted(*parameters: Any, **more: Any) -> Any:
            if self._database.at is not None:
                self._database.at -= 1
                if self._database.at < 0:
                    raise Crash
            return await call(*parameters, **more)

        return counted


class Redis:
    """Holds the newest windows, as records."""

    def __init__(self) -> None:
        self.windows: list[Aggregate] = []
        #: What happens once, after the first store has answered.
        self.after: Callable[[], Awaitable[None]] | None = None

    @asynccontextmanager
    async def guard(self) -> AsyncIterator[Redis]:
        yield self

    def pipeline(self, *, transaction: bool) -> Any:
        asked: list[str] = []

        async def execute() -> list[Any]:
            found = [self._of(key) for key in asked]
            await self.answered()
            return found

        return SimpleNamespace(
            hvals=asked.append, zrange=lambda key, *_: asked.append(key), execute=execute
        )

    async def answered(self) -> None:
        """A store has answered; what is to happen then does."""
        after, self.after = self.after, None
        if after is not None:
            await after()

    def _of(self, key: str) -> list[bytes]:
        _, kind, service, window = key.split(":")
        return [
            write_window(found)
            for found in self.windows
            if kind == "agg" and (found.service_name, found.window) == (service, window)
        ]


class _Asked:
    """The database as the handlers have it; `redis` learns when it has answered."""

    def __init__(self, database: Database, redis: Redis) -> None:
        self._database, self._redis = database, redis
        self.compares_bytes = database.compares_bytes

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        async with self._database.connection() as con:
            yield con
        await self._redis.answered()


@dataclass
class Rolled:
    """One service: what it has reported, what of it is stored, and who asks for it."""

    database: Database
    clock: FakeClock
    redis: Redis = field(default_factory=Redis)
    service: str = field(default_factory=lambda: f"svc-{uuid4().hex[:12]}")
    #: Values by series and second.
    values: dict[Series, dict[int, list[float]]] = field(default_factory=dict)
    revisions: dict[tuple[str, Series, int], int] = field(default_factory=dict)
    #: Days whose partitions were made.
    days: set[int] = field(default_factory=set)

    @property
    def deps(self) -> Deps:
        settings = Settings(data_dir=Path("unused"))
        parts = {"settings": settings, "clock": self.clock, "cache": self.redis}
        return cast(Deps, SimpleNamespace(database=_Asked(self.database, self.redis), **parts))

    def agent(self, database: Any = None) -> RollupAgent:
        return RollupAgent(database or self.database, self.clock, keep_days=365)

    def report(self, series: Series, second: int, *values: float) -> list[Aggregate]:
        """Values of a second, and the windows of all sizes that they change."""
        self.values.setdefault(series, {}).setdefault(second, []).extend(values)
        return [self.window(series, name, second // size * size) for name, size in WINDOW_S.items()]

    def window(self, series: Series, name: str, start_s: int, *, final: bool = True) -> Aggregate:
        """A window as the stream makes it; each time the next revision."""
        size = WINDOW_S[name]
        values = self._values(series, start_s, size)
        key = (name, series, start_s)
        revision = self.revisions[key] = self.revisions.get(key, -1) + 1
        block = _block(values)
        (figures,), _ = block.points(ROWS, float(size))
        is_delta = series[0] == "delta"
        increase = float(np.sum(values)) if is_delta else None
        made: dict[str, Any] = dict(zip((*FIGURES, "rate"), figures, strict=True))
        return Aggregate(
            service_name=self.service,
            metric_type=series[0],
            tags={"pod": series[1]} if series[1] else {},
            window=name,
            start_s=start_s,
            end_s=start_s + size,
            final=final,
            revision=revision,
            histogram=histograms(*block.buckets(), ROWS)[0] if final else {},
            sketch="" if final else packs(*block.buckets(), ROWS)[0],
            kind="delta" if is_delta else "gauge",
            increase=increase,
            rate_per_s=None if increase is None else increase / size,
            **made,
        )

    def _values(self, series: Series, start_s: int, size: int) -> list[float]:
        return [
            value
            for second, values in sorted(self.values[series].items())
            if start_s <= second < start_s + size
            for value in values
        ]

    async def store(self, windows: list[Aggregate]) -> None:
        """Do the archive's part."""
        for day in {window.start_s // 86_400 for window in windows} - self.days:
            async with self.database.connection() as con:
                await archive.make_day(con, "metric_windows", day)
            self.days.add(day)
        async with self.database.transaction() as con:
            await archive.upsert_windows(con, windows)

    async def settle(self) -> None:
        """Make all rollups that are due."""
        while await self.agent().round():
            pass

    async def ask(self, window: str, span: tuple[float, float], **more: Any) -> HistoryAnswer:
        """What a client would get, with all that merging takes."""
        query = WindowQuery((self.service,), (), window, *span, mergeable=True, **more)
        collected = collect if window in WINDOW_S else collect_rolled
        return await collected(self.deps, query, ())

    def expected(self, size: int) -> dict[tuple[Series, int], dict[str, Any]]:
        """What windows of a size are, made of all values at once."""
        found: dict[tuple[Series, int], dict[str, Any]] = {}
        for series, by_second in self.values.items():
            for start_s in {second // size * size for second in by_second}:
                values = self._values(series, start_s, size)
                block = _block(values)
                (figures,), _ = block.points(ROWS, float(size))
                made = dict(zip(FIGURES, figures, strict=False))
                made["sketch"] = packs(*block.buckets(), ROWS)[0]
                made["increase"] = float(np.sum(values)) if series[0] == "delta" else None
                found[series, start_s] = made
        return found


def _block(values: list[float]) -> Block:
    block = Block()
    block.add(np.zeros(len(values), np.int64), np.array(values), np.zeros(len(values)))
    return block


def shown(answer: HistoryAnswer) -> dict[tuple[Series, str], dict[str, Any]]:
    """Windows of an answer by series and start."""
    return {
        ((metric_type, dict(tags).get("pod", "")), start): orjson.loads(kept.text)
        for (_, metric_type, tags), points in answer.series.items()
        for start, kept in points.items()
    }

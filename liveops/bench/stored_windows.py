"""Fills a private PostgreSQL with windows as if an archive had stored them for weeks."""

from __future__ import annotations

import math
import time
from base64 import b64decode
from datetime import timedelta
from typing import Any

import asyncpg
import numpy as np
import orjson

from liveops.bench.stack import Say
from liveops.postgres.partitions import make_month
from liveops.postgres.queries import load
from liveops.windows.block import Block
from liveops.windows.buckets import histograms, packs
from schema.metrics import ROLLUP_S, WINDOW_S
from schema.times import to_datetime

SERVICES, METRICS, HOSTS = 50, 10, 2
SERIES = SERVICES * METRICS * HOSTS
#: One value of a series in so many seconds.
STEP_S = 10
#: Rollups reach back so many days, or as far as the windows.
ROLLUP_DAYS = 92
DAY_S = 86_400
PER_DAY = SERIES * sum(DAY_S // size for size in WINDOW_S.values())
_SHAPES = 8
_ROWS = np.zeros(1, np.int64)
#: A private server on a shared machine: nothing of it outlives the benchmark.
_HASTE = ("fsync = off", "synchronous_commit = off", "full_page_writes = off",
          "max_wal_size = '8GB'")  # fmt: skip


def _blocks(size_s: int) -> list[Block]:
    """Summaries of what a window of this size may hold."""
    found = []
    for seed in range(_SHAPES):
        values = np.random.default_rng(seed).lognormal(4.0, 0.3, max(1, size_s // STEP_S))
        block = Block()
        block.add(np.zeros(len(values), np.int64), values, np.zeros(len(values)))
        found.append(block)
    return found


def _histograms(size_s: int) -> list[dict[str, Any]]:
    return [histograms(*block.buckets(), _ROWS)[0] for block in _blocks(size_s)]


def _sketches(size_s: int) -> list[bytes]:
    return [b64decode(packs(*block.buckets(), _ROWS)[0]) for block in _blocks(size_s)]


async def fill(dsn: str, windows: int, until_s: float, say: Say) -> dict[str, Any]:
    """At least so many windows up to a time, and the rollups of over three months.

    How long it took and what it takes on the disk.
    """
    began_s = time.monotonic()
    con = await asyncpg.connect(dsn)
    try:
        for setting in _HASTE:
            await con.execute(f"ALTER SYSTEM SET {setting}")
        await con.execute("SELECT pg_reload_conf()")
        await con.execute("SET maintenance_work_mem = '256MB'")
        await con.execute(load("bench")["make_series"])
        await con.execute(load("bench")["fill_series"], SERVICES, METRICS, HOSTS)
        await con.execute(load("bench")["fill_services"])
        days = math.ceil(windows / PER_DAY)
        today_s = int(until_s) // DAY_S * DAY_S
        for number in range(days + 1):
            await _fill_day(con, today_s - number * DAY_S, until_s)
            say(f"windows: day {number + 1} of {days + 1}")
        for number in range(max(days + 1, ROLLUP_DAYS) + 1):
            await _fill_rollups(con, today_s - number * DAY_S, until_s)
        say("rollups are there")
        await con.execute("ANALYZE metric_windows")
        await con.execute("VACUUM ANALYZE metric_rollups")
        sizes = dict(await con.fetchrow(load("bench")["sizes"]) or {})
    finally:
        await con.close()
    return sizes | {"fill_s": round(time.monotonic() - began_s, 1)}


async def _fill_day(con: asyncpg.Connection[Any], day_s: int, until_s: float) -> None:
    """A partition as it is once its day is stored; the key at last, which is quicker."""
    start, end = to_datetime(day_s), to_datetime(day_s + DAY_S)
    table = f"metric_windows_{start:%Y%m%d}"
    fill_windows = load("bench")["fill_windows"].replace("%TABLE%", table)
    await con.execute(f'DROP TABLE IF EXISTS "{table}"')
    await con.execute(f'CREATE TABLE "{table}" (LIKE metric_windows INCLUDING DEFAULTS)')
    for window, size_s in WINDOW_S.items():
        last_s = min(day_s + DAY_S, int(until_s) // size_s * size_s)
        shapes = [orjson.dumps(shape).decode() for shape in _histograms(size_s)]
        await con.execute(
            fill_windows, window, timedelta(seconds=size_s), size_s // STEP_S, start,
            to_datetime(last_s), shapes,
        )  # fmt: skip
    await con.execute(
        f'ALTER TABLE "{table}" ADD PRIMARY KEY (service_name, "window", start, series)'
    )
    await con.execute(
        f'ALTER TABLE metric_windows ATTACH PARTITION "{table}" FOR VALUES '
        f"FROM ('{start:%Y-%m-%d} 00:00:00Z') TO ('{end:%Y-%m-%d} 00:00:00Z')"
    )
    await con.execute(f'VACUUM (ANALYZE) "{table}"')


async def _fill_rollups(con: asyncpg.Connection[Any], day_s: int, until_s: float) -> None:
    await make_month(con, to_datetime(day_s).date())
    for window, size_s in ROLLUP_S.items():
        last_s = min(day_s + DAY_S, int(until_s) // size_s * size_s)
        await con.execute(
            load("bench")["fill_rollups"], window, timedelta(seconds=size_s), size_s // STEP_S,
            to_datetime(day_s), to_datetime(last_s), _sketches(size_s),
        )  # fmt: skip

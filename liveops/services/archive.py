"""Worker `archive`: raw metrics and closed windows into PostgreSQL."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import structlog

from agents.archive.agent import ArchiveAgent, FaustFlow
from agents.archive.backfill import BackfillAgent
from agents.archive.rollup import RollupAgent
from agents.archive.sinks import Days, DirtySink, RawSink, WindowSink
from agents.archive.writer import Sink
from liveops.deps import Deps, make_deps
from liveops.kafka.fetching import FetchWait
from liveops.kafka.offsets import LogOffsets
from liveops.postgres.archive import forget_ids
from liveops.postgres.partitions import ROLLUPS, drop_expired, ensure_partitions
from liveops.postgres.queries import load
from liveops.runtime.app import LiveOpsApp, create_app
from liveops.runtime.background import BackgroundTask
from liveops.runtime.retry import retrying
from liveops.services import port_of
from liveops.settings import Settings, load_settings
from schema.topics import AGGREGATED, RAW, WINDOWS_DIRTY
from web.actuator import Check
from web.server import install

log = structlog.get_logger(__name__)
#: Few large transactions cost a fraction of many small ones, and nobody waits for the history:
#: what was pushed last comes from Redis.
_GATHER = FetchWait(longest_ms=400, for_bytes=1 << 20)
_SWEEP_S = 3600.0
_SWEEP_RETRY_S = 30.0


def build(settings: Settings) -> LiveOpsApp:
    """The whole service; nothing is started."""
    deps = make_deps(settings)
    port = settings.worker_port or port_of("archive", settings.worker_index)
    app = create_app("archive", settings, port=port)
    offsets = LogOffsets(settings)
    app.background += [deps, offsets]
    agent = _wire(app, deps, offsets)
    backfill = BackfillAgent(deps.database, deps.producer, offsets, partitions=settings.partitions)
    rollup = RollupAgent(deps.database, deps.clock, keep_days=settings.rollup_retention_days)
    app.background += [
        agent,
        BackgroundTask(backfill.work, "backfill"),
        BackgroundTask(rollup.work, "rollups"),
        BackgroundTask(lambda: keep_retention(deps), "retention"),
    ]
    checks: dict[str, Check] = {
        "kafka": deps.producer.ping,
        "postgres": deps.database.ping,
        "offsets": lambda: "; ".join(agent.quarantine_reasons()) or True,
        "background": lambda: app.faults() or True,
    }
    install(app, [], deps, "archive", checks, needed=("postgres", "offsets"))
    return app


def _wire(app: LiveOpsApp, deps: Deps, offsets: LogOffsets) -> ArchiveAgent:
    settings, database, clock = deps.settings, deps.database, deps.clock
    raw_days, window_days = settings.raw_retention_days, settings.window_retention_days
    sinks: dict[str, Sink] = {
        RAW: RawSink(Days("metrics", database, clock, raw_days), max_age_s=raw_days * 86_400),
        AGGREGATED: WindowSink(Days("metric_windows", database, clock, window_days)),
        WINDOWS_DIRTY: DirtySink(),
    }
    agent = ArchiveAgent(FaustFlow(app), database, offsets, sinks)
    app.batched_topics = frozenset(sinks)
    app.fetch_wait = _GATHER
    for topic in sinks:
        source = app.topic(
            topic,
            key_type=bytes,
            value_type=bytes,
            key_serializer="raw",
            value_serializer="raw",
        )
        app.agent(source, name=f"archive-{topic}")(cast(Any, agent.run))

    @app.on_partitions_assigned.connect
    async def begin(*given: Any, **_: Any) -> None:
        agent.assigned(given[-1])

    @app.on_partitions_revoked.connect
    async def end(*_: Any, **__: Any) -> None:
        agent.revoked()

    return agent


async def keep_retention(deps: Deps) -> None:
    """Make partitions ahead, drop expired ones and forget old ids, every hour."""
    keep_days = {
        "metrics": deps.settings.raw_retention_days,
        "metric_windows": deps.settings.window_retention_days,
        ROLLUPS: deps.settings.rollup_retention_days,
    }

    async def sweep() -> list[str]:
        async with deps.database.connection() as con:
            await ensure_partitions(con)
            await forget_ids(con)
            await con.execute(load("idempotency")["expire"])
            gone = datetime.now(UTC) - timedelta(days=deps.settings.window_retention_days)
            await con.execute(load("services")["forget_metrics"], gone)
            return await drop_expired(con, keep_days, datetime.now(UTC).date())

    while True:
        tries = retrying("postgres, to keep partitions", longest_s=_SWEEP_RETRY_S)
        dropped: list[str] = await tries(sweep)
        if dropped:
            log.info("expired partitions dropped", partitions=dropped)
        await asyncio.sleep(_SWEEP_S)


def __getattr__(name: str) -> LiveOpsApp:
    """`faust -A liveops.services.archive worker` finds the app here, built when asked."""
    if name == "app":
        return build(load_settings())
    raise AttributeError(name)

"""Worker `archive`: raw metrics and closed windows into PostgreSQL."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any, cast

import structlog

from agents.archive import ArchiveAgent
from agents.backfill import BackfillAgent
from liveops.errors import Unavailable
from liveops.kafka.app import LiveOpsApp, Loop, create_app
from liveops.postgres.archive import forget_ids
from liveops.postgres.partitions import drop_expired, ensure_partitions
from liveops.postgres.queries import load
from liveops.services import port_of
from liveops.services.deps import Deps, make_deps
from liveops.settings import Settings, load_settings
from schema.topics import AGGREGATED, RAW, WINDOWS_DIRTY
from web.actuator import Check
from web.server import install

log = structlog.get_logger(__name__)
_UPKEEP_S = 3600.0


def build(settings: Settings) -> LiveOpsApp:
    """The whole service; nothing is started."""
    deps = make_deps(settings)
    port = settings.worker_port or port_of("archive", settings.worker_index)
    app = create_app("archive", settings, port=port)
    app.parts.append(deps)
    agent = ArchiveAgent(deps.database, max_age_s=settings.raw_retention_days * 86_400)
    backfill = BackfillAgent(deps.database, deps.producer)
    for topic, run in (
        (RAW, agent.raw),
        (AGGREGATED, agent.windows),
        (WINDOWS_DIRTY, backfill.run),
    ):
        source = app.topic(
            topic,
            key_type=bytes,
            value_type=bytes,
            key_serializer="raw",
            value_serializer="raw",
        )
        app.agent(source, name=f"archive-{topic}")(cast(Any, run))
    app.parts.append(Loop(lambda: keep_house(deps), "partitions"))
    checks: dict[str, Check] = {"kafka": deps.producer.ping, "postgres": deps.database.ping}
    install(app, [], deps, "archive", checks, needed=("postgres",))
    return app


async def keep_house(deps: Deps) -> None:
    """Make partitions ahead, drop expired ones and forget old ids, every hour."""
    keep_days = {
        "metrics": deps.settings.raw_retention_days,
        "metric_windows": deps.settings.window_retention_days,
    }
    while True:
        try:
            async with deps.database.connection() as con:
                await ensure_partitions(con)
                await forget_ids(con)
                await con.execute(load("idempotency")["expire"])
                dropped = await drop_expired(con, keep_days, datetime.now(UTC).date())
            if dropped:
                log.info("expired partitions dropped", partitions=dropped)
        except Unavailable:
            log.warning("partitions not kept, postgres is away")
        await asyncio.sleep(_UPKEEP_S)


def __getattr__(name: str) -> LiveOpsApp:
    """`faust -A liveops.services.archive worker` finds the app here, built when asked."""
    if name == "app":
        return build(load_settings())
    raise AttributeError(name)

"""Worker `metrics`: ingestion, windows, live and aggregated data."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import Any, cast

from agents.windows.agent import WindowAgent
from agents.windows.checkpoint import Checkpointer
from agents.windows.live_feed import LiveFeed
from agents.windows.open_windows import OpenWindows
from liveops.deps import Deps, make_deps
from liveops.errors import Unavailable
from liveops.kafka.ingest_sends import IngestSends
from liveops.kafka.offsets import LogOffsets
from liveops.kafka.producer import Producer
from liveops.kafka.progress import holds_lease, release
from liveops.redis import keys
from liveops.redis.fanout import Fanout
from liveops.runtime.app import LiveOpsApp, create_app
from liveops.runtime.background import BackgroundTask
from liveops.runtime.recovery import Takeover
from liveops.services import port_of
from liveops.settings import Settings, load_settings
from liveops.windows.state import WindowLimits
from schema.topics import RAW, RAW_KEYED
from tables import windows
from web import aggregated, ingest, live, otlp, raw, remote_write, services, topology
from web.actuator import Check
from web.admission import Admission, show
from web.server import install

#: Changed series, of all partitions, above which open windows go out each second only.
_STRETCH_ABOVE = 2000


def build(settings: Settings) -> LiveOpsApp:
    """The whole service; nothing is started."""
    deps = make_deps(settings)
    port = settings.worker_port or port_of("metrics", settings.worker_index)
    app = create_app("metrics", settings, port=port)
    app.background.append(deps)
    windows_agent = _wire_windows(app, deps)
    fanout = Fanout(deps.cache, keys.LIVE_METRICS_CHANNEL)
    app.background.append(fanout)
    # Clients wait for these: no other output may be in their way.
    sends = IngestSends(Producer(settings))
    app.background.append(sends)
    admission = Admission(settings, sends)
    show(admission)
    routes = [
        *ingest.routes(deps, admission),
        *remote_write.routes(deps, admission),
        *otlp.routes(deps, admission),
        *aggregated.routes(deps),
        *raw.routes(deps),
        *services.routes(deps),
        *topology.routes(deps),
        *live.routes(deps, fanout),
    ]
    checks: dict[str, Check] = {
        "kafka": deps.producer.ping,
        "postgres": deps.database.ping,
        "redis": deps.cache.ping,
        "stream": lambda: bool(app.tables.actives_ready) and not app.rebalancing,
        "offsets": lambda: "; ".join(windows_agent.quarantined.values()) or True,
        "background": lambda: app.faults() or True,
    }
    install(app, routes, deps, "metrics", checks, needed=("kafka", "stream", "offsets"))
    return app


def _wire_windows(app: LiveOpsApp, deps: Deps) -> WindowAgent:
    settings = deps.settings
    # Of its own: what is held back must not hold up forwards and what clients send.
    changelog = Producer(settings, may_send=partial(holds_lease, app))
    table = windows.register(app, settings.partitions, changelog)
    offsets = LogOffsets(settings)
    takeover = Takeover(app, table, offsets)
    max_age_s = settings.raw_retention_days * 86_400.0
    feed = LiveFeed(deps.cache)
    limits = WindowLimits(
        lateness_s=settings.lateness_s,
        allowed_lateness_s=settings.allowed_lateness_s,
        emit_interval_s=settings.emit_interval_s,
        stretch_above=max(1, _STRETCH_ABOVE // settings.partitions),
        max_series=settings.max_series_per_service,
        max_series_partition=max(1, settings.max_series // settings.partitions),
        max_services=max(1, settings.max_services // settings.partitions),
        forget_service_s=max_age_s + 86_400.0,
    )
    agent = WindowAgent(
        table,
        deps.producer,
        feed,
        limits,
        partitions=settings.partitions,
        max_age_s=max_age_s,
        release=lambda event: release(app, event.message),
    )
    checkpointer = Checkpointer(
        agent, deps.producer, feed, deps.clock, interval_s=settings.checkpoint_interval_s
    )
    emission = OpenWindows(
        app,
        agent,
        deps.producer,
        feed,
        deps.clock,
        in_force=lambda: checkpointer.active,
        interval_s=settings.emit_interval_s,
    )
    source = app.topic(
        RAW,
        RAW_KEYED,
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
    )
    app.batched_topics = frozenset({RAW, RAW_KEYED})
    app.agent(source, name="windows")(cast(Any, agent.run))

    @table.on_recover
    async def load(*_: Any) -> None:
        assigned = {tp.partition for tp in app.consumer.assignment() if tp.topic == RAW}
        if not await takeover.reload(assigned):
            return
        agent.give_up()
        agent.load(assigned)
        agent.quarantine(await _ends(offsets, range(settings.partitions)))
        checkpointer.resume()

    @app.on_partitions_revoked.connect
    async def forget(*_: Any, **__: Any) -> None:
        await checkpointer.suspend()
        agent.give_up()

    @app.on_before_shutdown.connect
    async def finish(*_: Any, **__: Any) -> None:
        await checkpointer.suspend()

    app.background += [
        changelog,
        offsets,
        BackgroundTask(checkpointer.run, "checkpoint"),
        BackgroundTask(emission.run, "emission"),
        BackgroundTask(feed.run, "live"),
    ]
    return agent


async def _ends(offsets: LogOffsets, partitions: Collection[int]) -> dict[int, int]:
    """End offsets of `metrics.raw`; of none while the broker does not tell."""
    try:
        bounds = await offsets.bounds(RAW, partitions)
    except Unavailable:
        return {}
    return {number: found.end for number, found in bounds.items()}


def __getattr__(name: str) -> LiveOpsApp:
    """`faust -A liveops.services.metrics worker` finds the app here, built when asked."""
    if name == "app":
        return build(load_settings())
    raise AttributeError(name)

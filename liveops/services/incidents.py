"""Worker `incidents`: windows in, detections, incidents out; rules and silences."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

import structlog
from faust.types import TP

from agents.incidents.active import watch_active
from agents.incidents.correlate import CorrelateAgent
from agents.incidents.detect import DETECTIONS_KEY, DetectAgent
from agents.incidents.foreseeing import Foreseeing
from agents.incidents.remembering import Remembering
from agents.incidents.series_states import SeriesStates
from agents.incidents.silence_watch import watch_silences
from agents.incidents.standing_writer import StandingWriter
from agents.incidents.upkeep import DetectorUpkeep
from agents.notify.service import Notifications
from liveops.deps import Deps, make_deps
from liveops.kafka.offsets import LogOffsets
from liveops.kafka.partitioning import partition_of
from liveops.kafka.producer import Producer
from liveops.kafka.progress import holds_lease
from liveops.notify.sender import Sender
from liveops.outbox import OutboxRelay
from liveops.postgres.database import Database
from liveops.postgres.rules import seed_default_rules
from liveops.redis.announce import Announcer
from liveops.redis.fanout import Fanout
from liveops.redis.keys import LIVE_INCIDENTS_CHANNEL
from liveops.rehearsing.process import RehearsalProcess
from liveops.runtime.app import LiveOpsApp, create_app
from liveops.runtime.background import BackgroundTask
from liveops.runtime.recovery import Takeover
from liveops.runtime.retry import retrying
from liveops.services import port_of
from liveops.settings import Settings, load_settings
from schema.topics import AGGREGATED, DETECTIONS, WINDOWS_OPEN
from tables import detectors
from web import (
    alertmanager,
    change_events,
    incidents,
    incidents_many,
    parting,
    receivers,
    rule_backtest,
    rules,
    silences,
)
from web import detectors as detector_routes
from web.actuator import Check
from web.server import install

log = structlog.get_logger(__name__)


def build(settings: Settings) -> LiveOpsApp:
    """The whole service; nothing is started."""
    deps = make_deps(settings)
    port = settings.worker_port or port_of("incidents", settings.worker_index)
    app = create_app("incidents", settings, port=port)
    app.background.append(deps)
    _wire_detectors(app, deps)
    _wire_correlator(app, deps)
    app.background.append(BackgroundTask(lambda: seed_rules(deps.database), "default-rules"))
    app.background.append(BackgroundTask(lambda: watch_active(deps.database), "active-incidents"))
    app.background.append(BackgroundTask(lambda: watch_silences(deps), "silences"))
    app.background.append(OutboxRelay(deps.database, deps.producer, Announcer(deps.cache).sent))
    sender = Sender(allow_private=settings.notify_allow_private)
    app.background.append(Notifications(settings, deps.clock, sender))
    fanout = Fanout(deps.cache, LIVE_INCIDENTS_CHANNEL)
    rehearsals = RehearsalProcess(settings.database_url or "")
    app.background += [fanout, rehearsals]
    routes = [
        incidents.live_route(deps, fanout),
        *incidents_many.routes(deps),
        *incidents.routes(deps),
        *parting.routes(deps),
        *change_events.routes(deps),
        *rules.routes(deps),
        *rule_backtest.routes(deps, rehearsals),
        *detector_routes.routes(deps),
        *silences.routes(deps),
        *receivers.routes(deps, sender),
        *alertmanager.routes(deps),
    ]
    checks: dict[str, Check] = {
        "kafka": deps.producer.ping,
        "postgres": deps.database.ping,
        "redis": deps.cache.ping,
        "stream": lambda: bool(app.tables.actives_ready) and not app.rebalancing,
        "background": lambda: app.faults() or True,
    }
    install(app, routes, deps, "incidents", checks, needed=("kafka", "postgres", "stream"))
    return app


def _wire_detectors(app: LiveOpsApp, deps: Deps) -> None:
    changelog = Producer(deps.settings, may_send=partial(holds_lease, app))
    table = detectors.register(app, deps.settings.partitions, changelog)
    offsets = LogOffsets(deps.settings)
    takeover = Takeover(app, table, offsets)
    remembering = Remembering(deps.database, deps.clock)
    agent = DetectAgent(
        table, deps.producer, deps.config, remembering, partitions=deps.settings.partitions
    )
    upkeep = DetectorUpkeep(app, agent, deps.database, deps.producer, deps.clock, remembering)
    app.batched_topics = frozenset({AGGREGATED, WINDOWS_OPEN})
    app.agent(_source(app, AGGREGATED, WINDOWS_OPEN), name="detect")(cast(Any, agent.run))

    @table.on_recover
    async def load(*_: Any) -> None:
        assigned = {tp.partition for tp in app.consumer.assignment() if tp.topic == AGGREGATED}
        if not await takeover.reload(assigned):
            return
        agent.load(assigned)
        upkeep.resume()

    @app.on_partitions_revoked.connect
    async def forget(*_: Any, **__: Any) -> None:
        await upkeep.suspend()
        agent.forget()

    app.background += [changelog, offsets]
    app.background.append(BackgroundTask(upkeep.run, "detector-upkeep"))
    app.background.append(BackgroundTask(remembering.run, "detector-memory"))
    foreseeing = Foreseeing(agent.services, deps.database)
    app.background.append(BackgroundTask(foreseeing.run, "forecasts"))
    writer = StandingWriter(agent.services, lambda: agent.book, deps.cache, deps.clock)
    app.background.append(BackgroundTask(writer.run, "standings"))
    app.background.append(BackgroundTask(upkeep.keep_edges, "learned-edges"))
    app.background.append(BackgroundTask(upkeep.send_marks, "detector-marks"))
    app.background.append(BackgroundTask(SeriesStates(agent.services.states).run, "series-states"))


def _wire_correlator(app: LiveOpsApp, deps: Deps) -> None:
    partition = partition_of(DETECTIONS_KEY, deps.settings.partitions)
    agent = CorrelateAgent(
        deps.database,
        deps.config,
        deps.clock,
        partition=partition,
        partitions=deps.settings.partitions,
        owns=lambda: TP(DETECTIONS, partition) in app.consumer.assignment(),
    )

    @app.on_partitions_assigned.connect
    async def begin(*_: Any, **__: Any) -> None:
        agent.begin()

    app.agent(_source(app, DETECTIONS), name="correlate")(cast(Any, agent.run))
    app.background.append(BackgroundTask(agent.settle_when_due, "correlator-tick"))


def _source(app: LiveOpsApp, *names: str) -> Any:
    return app.topic(
        *names, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
    )


async def seed_rules(database: Database) -> None:
    """Add the default rules at the very first start, as soon as PostgreSQL answers."""
    if await retrying("postgres, to add the default rules")(seed_default_rules, database):
        log.info("default rules added")


def __getattr__(name: str) -> LiveOpsApp:
    """`faust -A liveops.services.incidents worker` finds the app here, built when asked."""
    if name == "app":
        return build(load_settings())
    raise AttributeError(name)

"""metrics.aggregated and liveops.windows.open → detectors → liveops.detections.

A detection is on the broker before the state that remembers it is stored, and the state
is stored before its records are acknowledged (agents/incidents/upkeep.py): a crash at any
point repeats detections with the same ids and loses none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import structlog
from faust import Stream
from faust.types.events import EventT

from agents.incidents.leaving import make_room
from agents.incidents.remembering import Remembering
from agents.incidents.watched import Watched, WatchedServices
from agents.incidents.window_records import WindowRecord, read_record
from liveops.detection.engine import observe
from liveops.detection.opinions import NO_OPINIONS, Opinions
from liveops.detection.report import Outcome
from liveops.detection.rulebook import RuleBook
from liveops.kafka.chunks import Record, chunk_of
from liveops.kafka.config_view import ConfigView
from liveops.kafka.partitioning import partition_of
from liveops.kafka.producer import Producer
from liveops.metrics.detection import DETECTIONS, EVALUATION_SECONDS, SERIES_FORGOTTEN
from liveops.metrics.group import preset
from liveops.metrics.worker import BAD_INTERNAL_RECORDS
from liveops.runtime.retry import retrying
from schema import topics
from schema.incidents import Detection
from schema.metrics import Aggregate, is_service_name
from tables.checkpointed import CheckpointedTable

log = structlog.get_logger(__name__)
#: One key for all: one partition has the one owner, the correlator.
DETECTIONS_KEY = "detections"
#: Records judged together before others get their turn on the loop.
SLICE = 100
#: Edges seen between two writes; more are not calls but something else in the tag.
MAX_EDGES = 20_000
#: Tag of a caller's metric that names the service it called.
PEER_TAG = "peer"
#: Metrics that a tracing back end makes of calls, with the tags `client` and `server`.
SERVICE_GRAPH = "traces_service_graph_"


class DetectAgent:
    """Owns the detectors of the services of the partitions assigned to this worker."""

    def __init__(
        self,
        table: CheckpointedTable,
        producer: Producer,
        config: ConfigView,
        remembering: Remembering,
        *,
        partitions: int,
    ) -> None:
        self.table = table
        self.config = config
        self.services = WatchedServices(partitions)
        self.unacknowledged: list[EventT[Any]] = []
        #: Held from a change of state until its detections are sent: no checkpoint between.
        self.lock = asyncio.Lock()
        self.edges: set[tuple[str, str]] = set()
        self._producer = producer
        self._remembering = remembering
        #: The partition that all detections go to.
        self.home = partition_of(DETECTIONS_KEY, partitions)
        self.book = RuleBook((), ())
        config.subscribe(self._read_rules)
        preset(BAD_INTERNAL_RECORDS, (topics.AGGREGATED, topics.WINDOWS_OPEN))

    def _read_rules(self) -> None:
        self.book = RuleBook(self.config.rules.values(), self.config.silences.values())
        new = self.services.learned.obey(self.book)
        self._remembering.renew({bank.rule.id for bank in new})

    async def run(self, stream: Stream[bytes]) -> None:
        """Read chunks for as long as the worker lives; no record ends it."""
        await self.config.wait_ready()
        async for event in stream.noack().events():
            chunk = chunk_of(event)
            for first in range(0, len(chunk.records), SLICE):
                await asyncio.sleep(0)
                await self._read(chunk.topic, chunk.records[first : first + SLICE])
            self.unacknowledged.append(event)

    async def _read(self, topic: str, records: Sequence[Record]) -> None:
        found = [read_record(topic, record) for record in records]
        fresh = [one for one in found if one is not None and not self._applied(topic, one)]
        await self._remembering.recall(self.services, self.book, fresh)
        async with self.lock:
            opinions = self._opinions(fresh)
            for record in fresh:
                try:
                    await self._take(topic, record, opinions)
                except Exception:
                    log.exception("a record could not be judged", offset=record.offset)

    def _opinions(self, records: Iterable[WindowRecord]) -> Opinions:
        """What the rules that learn say of all these windows at once."""
        seen = [window for record in records for window in record.seen()]
        try:
            with EVALUATION_SECONDS.time():
                return self.services.learned.judge(seen, self.book, self.services.closed_s)
        except Exception:
            log.exception("what was learned could not be asked")
            return NO_OPINIONS

    async def _take(self, topic: str, record: WindowRecord, opinions: Opinions) -> None:
        watched = self.services.get(record.service)
        watched.offsets[topic] = record.offset
        with EVALUATION_SECONDS.time():
            outcome = observe(watched.state, record.windows, self.book, record.reached_s, opinions)
        await self.publish(watched, outcome)
        SERIES_FORGOTTEN.labels("silent").inc(len(outcome.forgotten))
        if outcome.created:
            await make_room(self, self.services.partition(record.service))
        self._learn_edges(record.service, record.windows)

    def _learn_edges(self, service: str, windows: Iterable[Aggregate]) -> None:
        for window in windows:
            call = call_of(service, window)
            if call is not None and len(self.edges) < MAX_EDGES:
                self.edges.add(call)

    def _applied(self, topic: str, record: WindowRecord) -> bool:
        """Whether a stored state has this record; a recreated topic starts again at 0."""
        watched = self.services.by_name.get(record.service)
        if watched is None or record.offset > watched.offsets.get(topic, -1):
            return False
        return record.broker_s <= watched.state.presence.broker_s

    async def publish(self, watched: Watched, outcome: Outcome) -> None:
        """Send detections, remember what is to be stored."""
        for detection in outcome.detections:
            await self._send(detection)
        self.services.note(watched, outcome)

    async def _send(self, detection: Detection) -> None:
        value = msgspec.json.encode(detection)
        await retrying("kafka, to send detections", longest_s=2.0)(
            self._producer.send, topics.DETECTIONS, DETECTIONS_KEY, value
        )
        DETECTIONS.labels(detection.detector).inc()
        log.info(
            "detection",
            service=detection.service_name,
            metric=detection.metric_type,
            detector=detection.detector,
            state=detection.state,
            reason=detection.reason,
        )

    def load(self, assigned: set[int]) -> None:
        """Rebuild memory from the recovered table; nothing older survives."""
        self._remembering.begin()
        self.services.load(self.table.data, assigned)

    def forget(self) -> None:
        """Partitions are revoked: drop everything, also what is not acknowledged."""
        self._remembering.begin()
        self.services.clear()
        self.unacknowledged.clear()


def call_of(service: str, window: Aggregate) -> tuple[str, str] | None:
    """The (caller, callee) that the tags of a metric tell of; None where they tell of none."""
    caller, callee = service, window.tags.get(PEER_TAG, service)
    if window.metric_type.startswith(SERVICE_GRAPH):
        caller, callee = (window.tags.get(end, "") for end in ("client", "server"))
    named = is_service_name(caller) and is_service_name(callee)
    return (caller, callee) if named and caller != callee else None

"""metrics.aggregated and liveops.windows.open → detectors → liveops.detections.

A detection is on the broker before the state that remembers it is stored, and the state
is stored before its records are acknowledged (agents/incidents/upkeep.py): a crash at any
point repeats detections with the same ids and loses none.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec
import structlog
from faust import Stream
from faust.types.events import EventT

from agents.incidents.watched import Watched, read_windows
from liveops.detection.engine import accept_fit, observe
from liveops.detection.forecast import FitRequest
from liveops.detection.forgetting import excess_of, forget_presence, forget_series
from liveops.detection.no_data import live_count, reached_s, silent_s
from liveops.detection.report import Outcome
from liveops.detection.rulebook import RuleBook
from liveops.detection.state import Presence, ServiceDetectors, new_service
from liveops.forecasting.fitter import Fitter
from liveops.kafka.chunks import Record, chunk_of
from liveops.kafka.config_view import ConfigView
from liveops.kafka.partitioning import partition_of
from liveops.kafka.producer import Producer
from liveops.metrics.detection import DETECTIONS, EVALUATION_SECONDS, SERIES_FORGOTTEN
from liveops.metrics.group import preset
from liveops.metrics.worker import BAD_INTERNAL_RECORDS
from liveops.runtime.retry import retrying
from schema import topics
from schema.incidents import Detection, Mark
from schema.metrics import Aggregate, is_service_name
from schema.times import format_time
from tables.checkpointed import CheckpointedTable
from tables.detectors import decode_service, key_of, owner_of

log = structlog.get_logger(__name__)
#: One key for all: one partition has the one owner, the correlator.
DETECTIONS_KEY = "detections"
#: Records or services judged before others get their turn on the loop.
YIELD_EVERY = 50
#: Series that the detectors of one partition know at most.
MAX_SERIES = 50_000
#: Above it so many are forgotten at once: looking for the oldest costs a walk over all.
_SHARE_FORGOTTEN = 0.05
#: Edges seen between two writes; more are not calls but something else in the tag.
MAX_EDGES = 20_000
#: Tag of a caller's metric that names the service it called.
PEER_TAG = "peer"


class DetectAgent:
    """Owns the detectors of the services of the partitions assigned to this worker."""

    def __init__(
        self,
        table: CheckpointedTable,
        producer: Producer,
        config: ConfigView,
        *,
        partitions: int,
    ) -> None:
        self.table = table
        self.watched: dict[str, Watched] = {}
        self.unacknowledged: list[EventT[Any]] = []
        #: Held from a change of state until its detections are sent: no checkpoint between.
        self.lock = asyncio.Lock()
        self.edges: set[tuple[str, str]] = set()
        #: Keys to delete from the table, before anything else is written.
        self.forgotten: list[bytes] = []
        self._series_count: Counter[int] = Counter()
        self.fitter = Fitter(self._accept)
        self._producer = producer
        self._config = config
        self._partitions = partitions
        #: The partition that all detections go to.
        self.home = partition_of(DETECTIONS_KEY, partitions)
        self.book = RuleBook((), ())
        config.subscribe(self._read_rules)
        preset(BAD_INTERNAL_RECORDS, (topics.AGGREGATED, topics.WINDOWS_OPEN))

    def _read_rules(self) -> None:
        self.book = RuleBook(self._config.rules.values(), self._config.silences.values())

    async def run(self, stream: Stream[bytes]) -> None:
        """Read chunks for as long as the worker lives; no record ends it."""
        await self._config.wait_ready()
        async for event in stream.noack().events():
            chunk = chunk_of(event)
            for count, record in enumerate(chunk.records):
                if count % YIELD_EVERY == 0:
                    await asyncio.sleep(0)
                try:
                    async with self.lock:
                        await self._take(chunk.topic, record)
                except Exception:
                    log.exception("a record could not be judged", offset=record.offset)
            self.unacknowledged.append(event)

    async def _take(self, topic: str, record: Record) -> None:
        if record.value is None:
            return
        try:
            service, items, reached_s = read_windows(topic, record.value)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            BAD_INTERNAL_RECORDS.labels(topic).inc()
            log.warning("unreadable window record", topic=topic, error=repr(error))
            return
        watched = self._watched(service)
        if self._applied(watched, topic, record.offset, items):
            return
        watched.offsets[topic] = record.offset
        with EVALUATION_SECONDS.time():
            outcome = observe(watched.state, items, self.book, reached_s)
        await self.publish(watched, outcome)
        SERIES_FORGOTTEN.labels("silent").inc(len(outcome.forgotten))
        if outcome.created:
            await self._make_room(partition_of(service, self._partitions))
        for item in items:
            peer = item.tags.get(PEER_TAG, service)
            if peer != service and len(self.edges) < MAX_EDGES and is_service_name(peer):
                self.edges.add((service, peer))

    def _watched(self, service: str) -> Watched:
        watched = self.watched.get(service)
        if watched is None:
            watched = self.watched[service] = Watched(new_service(service))
        return watched

    def _applied(self, watched: Watched, topic: str, offset: int, items: list[Aggregate]) -> bool:
        """Whether a stored state has this record; a recreated topic starts again at 0."""
        if offset > watched.offsets.get(topic, -1):
            return False
        newest_s = max((item.broker_time_s for item in items), default=0.0)
        return newest_s <= watched.state.presence.broker_s

    async def publish(self, watched: Watched, outcome: Outcome) -> None:
        """Send detections, order fits, remember what is to be stored."""
        for detection in outcome.detections:
            await self._send(detection)
        for request in outcome.fits:
            self.fitter.order(request)
        self._count(watched.state.service, outcome.created - len(outcome.forgotten))
        self.forgotten += [key_of(watched.state.service, key) for key in outcome.forgotten]
        watched.unsaved -= outcome.forgotten
        watched.unsaved |= outcome.changed
        watched.presence_unsaved |= outcome.presence_changed or bool(outcome.changed)

    async def _make_room(self, partition: int) -> None:
        """Let the longest silent series of a partition go when it has too many."""
        if self._series_count[partition] <= MAX_SERIES:
            return
        here = [
            watched.state
            for name, watched in self.watched.items()
            if partition_of(name, self._partitions) == partition
        ]
        known = self._series_count[partition] = sum(len(state.series) for state in here)
        if known <= MAX_SERIES:
            return  # counted across a rebalance
        count = known - int(MAX_SERIES * (1 - _SHARE_FORGOTTEN))
        reason = f"forgotten: over {MAX_SERIES} series are watched, this one was silent longest"
        # In a thread: a walk over all of them would hold the loop. The lock keeps them still.
        excess = await asyncio.to_thread(excess_of, here, count)
        for number, (service, key) in enumerate(excess):
            if number % YIELD_EVERY == 0:
                await asyncio.sleep(0)
            outcome, watched = Outcome(), self.watched.get(service)
            if watched is None or key not in watched.state.series:
                continue  # revoked meanwhile
            forget_series(watched.state, key, reason, outcome)
            if not watched.state.series:
                forget_presence(watched.state, reason, outcome)
            await self.publish(watched, outcome)
            SERIES_FORGOTTEN.labels("too_many").inc()
            if not watched.state.series and self.watched.get(service) is watched:
                self.drop(service)

    async def forget_deleted(self, service: str) -> bool:
        """Forget a service that is no more and has not reported since; False when it lives."""
        watched = self.watched[service]
        if watched.state.presence.broker_s > self._config.deleted.get(service, 0.0):
            return False
        outcome = Outcome()
        reason = "the service was deleted"
        for key in list(watched.state.series):
            forget_series(watched.state, key, reason, outcome)
        forget_presence(watched.state, reason, outcome)
        await self.publish(watched, outcome)
        SERIES_FORGOTTEN.labels("deleted").inc(len(outcome.forgotten))
        self.drop(service)
        return True

    def drop(self, service: str) -> None:
        """Forget a service with what is stored of it."""
        watched = self.watched.pop(service)
        self.forgotten += [key_of(service), *(key_of(service, key) for key in watched.unsaved)]

    def _count(self, service: str, change: int) -> None:
        self._series_count[partition_of(service, self._partitions)] += change

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

    def _accept(self, request: FitRequest, predicted: list[tuple[float, float]]) -> None:
        watched = self.watched.get(request.service)
        if watched is not None and accept_fit(watched.state, request, predicted):
            watched.unsaved.add(request.series)

    def marks(self, owned: Iterable[int], now_s: float | None) -> list[Mark]:
        """How far each partition was judged, and who is heard; `now_s` when all of it was read."""
        here: dict[int, list[Presence]] = {number: [] for number in sorted(owned)}
        for name, watched in self.watched.items():
            number = partition_of(name, self._partitions)
            if number in here:
                here[number].append(watched.state.presence)
        found = []
        for number, presences in here.items():
            time_s = reached_s(presences, now_s)
            if time_s is not None:
                silent = 0.0 if now_s is None else silent_s(presences, now_s)
                found.append(Mark(number, format_time(time_s), live_count(presences), silent))
        return found

    def watched_states(self) -> list[ServiceDetectors]:
        """What is remembered of each service now; they go on changing."""
        return [watched.state for watched in self.watched.values()]

    def load(self, assigned: set[int]) -> None:
        """Rebuild memory from the recovered table; nothing older survives."""
        values: dict[str, list[tuple[bytes, bytes]]] = {}
        for key, value in self.table.data.items():
            service = owner_of(key)
            if partition_of(service, self._partitions) in assigned:
                values.setdefault(service, []).append((key, value))
        self.watched = {}
        for service, stored in values.items():
            try:
                self.watched[service] = Watched(*decode_service(service, stored))
            except msgspec.MsgspecError as error:
                log.warning("detector state is foreign, learning anew", error=str(error))
        self.forgotten.clear()
        self._series_count.clear()
        for service, watched in self.watched.items():
            self._count(service, len(watched.state.series))
        log.info("detector state recovered", services=len(self.watched))

    def forget(self) -> None:
        """Partitions are revoked: drop everything, also what is not acknowledged."""
        self.watched.clear()
        self.forgotten.clear()
        self._series_count.clear()
        self.unacknowledged.clear()

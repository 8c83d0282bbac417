"""How much the ways in have in hand at once: what is too much is refused before it is read.

A request holds its place until it is answered, and the bytes of its body as sent and as
decompressed. A worker that took all that came would run out of memory while Kafka is slow.
"""

from __future__ import annotations

from types import TracebackType

from aiohttp import web

from liveops.errors import Unavailable
from liveops.kafka.ingest_sends import IngestSends
from liveops.metrics.ingest import HELD_BYTES, HELD_REQUESTS, REFUSED
from liveops.settings import Settings
from web.problems import Problem

BUSY_RETRY_AFTER_S = 1
#: Ways in whose senders drop what is answered 429; Prometheus does unless told otherwise.
_DROP_AT_429 = frozenset({"remote_write"})


class Held:
    """Bytes of one request; counts them and bounds nothing."""

    def take(self, count: int) -> None:
        """So many bytes more, or less where it is negative."""


UNBOUNDED = Held()


class Admission:
    """The requests of all ways in that are being answered, and `sends`, by which they leave."""

    def __init__(self, settings: Settings, sends: IngestSends) -> None:
        self.sends = sends
        self._most_requests = settings.max_ingest_requests
        self._most_bytes = settings.max_ingest_bytes
        self.requests = 0
        self.bytes = 0

    def enter(self, way: str, request: web.Request) -> Place:
        """A place for a request of a way in; raises Problem (`busy`) or Unavailable("kafka").

        A call with an idempotency key may have an answer stored, for which no broker is needed.
        """
        if "Idempotency-Key" not in request.headers:
            try:
                self.sends.check()
            except Unavailable:
                REFUSED.labels(way, "broker_away").inc()
                raise
        if self.requests >= self._most_requests:
            raise busy(way, "requests")
        return Place(self, way)

    def take(self, way: str, count: int) -> None:
        """Bytes for a request; raises Problem (`busy`)."""
        if count > 0 and self.bytes + count > self._most_bytes:
            raise busy(way, "bytes")
        self.bytes += count


class Place(Held):
    """One request's place and bytes; given back at the end of the `with` block."""

    __slots__ = ("_admission", "_bytes", "_way")

    def __init__(self, admission: Admission, way: str) -> None:
        self._admission = admission
        self._way = way
        self._bytes = 0

    def take(self, count: int) -> None:
        """Raises Problem (`busy`) where there is no room for so many more."""
        self._admission.take(self._way, count)
        self._bytes += count

    def __enter__(self) -> Place:
        self._admission.requests += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._admission.requests -= 1
        self._admission.bytes -= self._bytes
        if isinstance(error, Unavailable):
            REFUSED.labels(self._way, "broker_away").inc()
        elif isinstance(error, Problem) and error.status == 408:
            REFUSED.labels(self._way, "slow").inc()


def show(admission: Admission) -> None:
    """Let the gauges read it, and the series of refusals begin at 0."""
    HELD_REQUESTS.set_function(lambda: admission.requests)
    HELD_BYTES.set_function(lambda: admission.bytes)


def busy(way: str, reason: str) -> Problem:
    """The 429 or 503 of a worker that has enough in hand."""
    REFUSED.labels(way, reason).inc()
    status = 503 if way in _DROP_AT_429 else 429
    what = f"all the {reason} in hand that it takes at once"
    return Problem(status, f"the worker has {what}", retry_after_s=BUSY_RETRY_AFTER_S)

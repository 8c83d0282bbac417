"""Requests, errors and durations (RED) of a service, of what it serves and of what it calls."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from liveops.client.exchange import MetricLike
from liveops.client.queue import MetricQueue

#: The counts of requests and errors are of intervals about this long.
INTERVAL_S = 10.0
#: After so long without a request no more zeros are sent.
IDLE_S = 3600.0
#: Different routes, methods and peers that are told apart; further ones are `other`.
MAX_SERIES = 500
OTHER = "other"
_MAX_TAG_CHARS = 256
#: Beginning of the names of the metrics of what is served and of what is called.
SERVED, CALLED = "http", "call"
_Tags = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class _Counts:
    requests: int = 0
    errors: int = 0
    last_s: float = 0.0


class Outcome:
    """How a call ended; `fail` says that it was an error though nothing was raised."""

    def __init__(self) -> None:
        self.is_error = False

    def fail(self) -> None:
        """The call was an error."""
        self.is_error = True


class Red:
    """Measures one service; the middlewares of this package call it.

    Sends `http_requests`, `http_errors` (counts of about 10 s) and `http_duration_ms` (each
    request) with tags `method` and `route`; and `call_requests`, `call_errors` and
    `call_duration_ms` with the tag `peer`, the service that was called, from which LiveOps
    learns the topology. Safe for threads.
    """

    def __init__(
        self,
        service_name: str,
        queue: MetricQueue,
        *,
        tags: Mapping[str, str] | None = None,
        interval_s: float = INTERVAL_S,
    ) -> None:
        self.service_name = service_name
        self._queue = queue
        self._tags = dict(tags or {})
        self._interval_s = interval_s
        self._counts: dict[tuple[str, _Tags], _Counts] = {}
        self._lock = threading.Lock()
        self._given_s = time.monotonic()
        queue.add_source(self._metrics)

    def served(self, method: str, route: str, *, is_error: bool, duration_ms: float) -> None:
        """A request was answered; `route` is its template, not its path."""
        self._note(SERVED, (("method", method), ("route", route)), is_error, duration_ms)

    def called(self, peer: str, *, is_error: bool, duration_ms: float) -> None:
        """This service has called another, known to LiveOps as `peer`."""
        self._note(CALLED, (("peer", peer),), is_error, duration_ms)

    @contextmanager
    def calling(self, peer: str) -> Iterator[Outcome]:
        """Measures a call of another service: `with red.calling("payments"): ...`."""
        outcome, begun_s = Outcome(), time.perf_counter()
        try:
            yield outcome
        except Exception:
            outcome.fail()
            raise
        finally:
            spent_ms = (time.perf_counter() - begun_s) * 1000
            self.called(peer, is_error=outcome.is_error, duration_ms=spent_ms)

    def _note(self, kind: str, tags: _Tags, is_error: bool, duration_ms: float) -> None:
        now_s = time.monotonic()
        tags = tuple((name, text[:_MAX_TAG_CHARS]) for name, text in tags)
        with self._lock:
            counts = self._counts.get((kind, tags))
            if counts is None:
                if len(self._counts) >= MAX_SERIES:
                    tags = tuple((name, OTHER) for name, _ in tags)
                counts = self._counts.setdefault((kind, tags), _Counts())
            counts.requests += 1
            counts.errors += is_error
            counts.last_s = now_s
        self._queue.put(self._metric(f"{kind}_duration_ms", tags, round(duration_ms, 3)))

    def _metrics(self, is_flush: bool) -> Iterator[MetricLike]:
        """The counts since the last time, zeros for what was seen within the hour."""
        now_s = time.monotonic()
        if not is_flush and now_s - self._given_s < self._interval_s:
            return
        self._given_s = now_s
        with self._lock:
            counted = self._counts
            self._counts = {
                key: _Counts(last_s=counts.last_s)
                for key, counts in counted.items()
                if counts.last_s > now_s - IDLE_S
            }
        for (kind, tags), counts in counted.items():
            yield self._metric(f"{kind}_requests", tags, counts.requests)
            yield self._metric(f"{kind}_errors", tags, counts.errors)

    def _metric(self, metric_type: str, tags: _Tags, value: float) -> MetricLike:
        return {
            "service_name": self.service_name,
            "metric_type": metric_type,
            "value": value,
            "tags": self._tags | dict(tags),
        }

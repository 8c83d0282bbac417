"""A bounded queue of metrics that a thread sends: for programs that must not wait."""

from __future__ import annotations

import atexit
import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable

from liveops.client.batches import MAX_BATCH, bodies, encoded
from liveops.client.exchange import MetricLike
from liveops.client.synchronous import Client
from liveops.errors import Unavailable

log = logging.getLogger(__name__)
#: What has metrics to give now and then; called with True when it must give all it has.
Source = Callable[[bool], Iterable[MetricLike]]
#: Failures are told in the log this often at most.
_TELL_EVERY_S = 60.0


class MetricQueue:
    """Takes metrics without waiting and sends them in batches, each counted once.

    While LiveOps is away it keeps up to `capacity` metrics; further ones are dropped and
    counted. What is in it is sent when the program ends, for up to `at_exit_s`. The thread
    starts with the first metric, so a process may fork before. Safe for threads.
    """

    def __init__(
        self,
        client: Client,
        *,
        capacity: int = 10_000,
        interval_s: float = 1.0,
        at_exit_s: float = 5.0,
    ) -> None:
        self._client = client
        self._capacity = capacity
        self._interval_s = interval_s
        self._at_exit_s = at_exit_s
        self._waiting: deque[bytes] = deque()
        self._sources: list[Source] = []
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        #: Flushes asked for, and how many of them are done.
        self._asked = self._done = 0
        self._closing = threading.Event()
        self._told_s = float("-inf")
        #: Metrics by what became of them.
        self.accepted = 0
        self.dropped = 0
        self.rejected = 0

    def add_source(self, source: Source) -> None:
        """Ask this for metrics whenever the queue is sent."""
        with self._changed:
            self._sources.append(source)
            self._start()

    def put(self, metric: MetricLike) -> bool:
        """Queue a metric, stamped with the time now unless it has one; False if dropped.

        Raises InvalidInput when it cannot be written as JSON.
        """
        text = encoded({"timestamp": round(time.time(), 6), **metric})
        with self._changed:
            if self._closing.is_set() or len(self._waiting) >= self._capacity:
                self.dropped += 1
                return False
            self._waiting.append(text)
            self._start()
            if len(self._waiting) == MAX_BATCH:
                self._changed.notify_all()
            return True

    def flush(self, timeout_s: float = 30.0) -> bool:
        """Send all that was put so far; False when that was not done in time."""
        with self._changed:
            if self._thread is None:
                return True
            self._asked += 1
            mine = self._asked
            self._changed.notify_all()
            return self._changed.wait_for(lambda: self._done >= mine, timeout_s)

    def close(self, timeout_s: float = 5.0) -> None:
        """Send what is left for so long, drop the rest and stop; may be called again."""
        atexit.unregister(self._exit)
        is_out = self.flush(timeout_s)
        self._closing.set()
        if self._thread is not None:
            with self._changed:
                self._changed.notify_all()
            self._thread.join(timeout_s)
            self._thread = None
        if not is_out:
            with self._changed:
                self.dropped += len(self._waiting)
                self._waiting.clear()
            log.warning("LiveOps did not take all metrics before the end: %s", self._counts())

    def _exit(self) -> None:
        self.close(self._at_exit_s)

    def _start(self) -> None:
        """Begin to send; called with the lock held."""
        if self._thread is None and not self._closing.is_set():
            atexit.register(self._exit)
            self._thread = threading.Thread(target=self._run, name="liveops-metrics", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while not self._closing.is_set():
            with self._changed:
                self._changed.wait_for(self._is_due, self._interval_s)
                asked = self._asked
            self._collect(is_flush=asked > self._done)
            self._send_waiting()
            with self._changed:
                self._done = asked
                self._changed.notify_all()

    def _is_due(self) -> bool:
        is_full = len(self._waiting) >= MAX_BATCH
        return is_full or self._asked > self._done or self._closing.is_set()

    def _collect(self, *, is_flush: bool) -> None:
        for source in list(self._sources):
            try:
                for metric in source(is_flush):
                    self.put(metric)
            except Exception:
                log.exception("a source of metrics failed")

    def _send_waiting(self) -> None:
        """Send what waits now; it keeps its place in the queue until that is settled."""
        with self._changed:
            batch = list(self._waiting)
        for count, body in bodies(batch):
            if not self._is_settled(count, body):
                return
            with self._changed:
                for _ in range(min(count, len(self._waiting))):  # `close` may have dropped them
                    self._waiting.popleft()

    def _is_settled(self, count: int, body: bytes) -> bool:
        """Send until it is accepted or refused; False when the end comes first."""
        key = str(uuid.uuid4())
        while not self._closing.is_set():
            try:
                rejected = self._client.send_partial(body, key, until=self._closing)
            except Unavailable as error:
                self._tell(str(error))
                self._closing.wait(max(1.0, error.wait_s))
            except Exception as error:
                self.rejected += count
                self._tell(str(error) or repr(error))
                return True
            else:
                self.accepted += count - len(rejected)
                self.rejected += len(rejected)
                if rejected:
                    self._tell(f"{len(rejected)} metrics were rejected: {rejected[0][1]}")
                return True
        return False

    def _tell(self, what: str) -> None:
        now_s = time.monotonic()
        if now_s - self._told_s >= _TELL_EVERY_S:
            self._told_s = now_s
            log.warning("LiveOps: %s (%s)", what, self._counts())

    def _counts(self) -> str:
        return f"accepted {self.accepted}, rejected {self.rejected}, dropped {self.dropped}"

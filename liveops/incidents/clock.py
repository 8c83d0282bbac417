"""The correlator's clock: the event time that all detector partitions have judged up to. Pure.

Each owner of a partition sends marks with the watermark it has reached. The least of them
is the time before which nothing more will be heard; it never goes backwards. A partition
without a mark for a while has no owner, or one that hangs, and holds the clock no longer.
"""

from __future__ import annotations

#: A partition is waited for this long (seconds of the wall clock).
PATIENCE_S = 30.0


class LeastWatermark:
    """Watermarks of `partitions` partitions; `now_s` is the wall clock throughout."""

    def __init__(self, partitions: int, now_s: float) -> None:
        self._heard_s = dict.fromkeys(range(partitions), now_s)
        self._marks: dict[int, float] = {}
        self._reached_s = 0.0

    def mark(self, partition: int, watermark_s: float, now_s: float) -> None:
        """A partition has judged everything up to `watermark_s` (event time)."""
        self._heard_s[partition] = now_s
        self._marks[partition] = max(watermark_s, self._marks.get(partition, watermark_s))

    def reached_s(self, now_s: float) -> float:
        """The least watermark; 0 while a partition is waited for that has told nothing yet.

        When no partition counts there is nothing to wait for, and it is the wall clock.
        """
        counting = [p for p, heard_s in self._heard_s.items() if now_s - heard_s < PATIENCE_S]
        least_s = min((self._marks.get(p, 0.0) for p in counting), default=now_s)
        self._reached_s = max(self._reached_s, least_s)
        return self._reached_s

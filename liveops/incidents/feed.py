"""Whether the feed as a whole has fallen silent, rather than the services. Pure.

Each owner of a detector partition says with its marks how many services it hears and for
how long it has heard none.
"""

from __future__ import annotations

from liveops.incidents.clock import PATIENCE_S
from schema.incidents import Mark

#: Fewer services may well fall silent together by themselves.
ENOUGH_SERVICES = 3
#: Seconds for which nobody may have been heard.
SILENT_S = 20.0


class FeedWatch:
    """The newest mark of each partition; `now_s` is the wall clock throughout."""

    def __init__(self) -> None:
        self._marks: dict[int, tuple[Mark, float]] = {}

    def mark(self, mark: Mark, now_s: float) -> None:
        """Take in what a partition says."""
        self._marks[mark.partition] = (mark, now_s)

    def is_silent(self, now_s: float) -> bool:
        """Whether no live service of any partition has been heard of late."""
        counting = [m for m, heard_s in self._marks.values() if now_s - heard_s < PATIENCE_S]
        live = sum(mark.live for mark in counting)
        return live >= ENOUGH_SERVICES and all(
            mark.silent_s >= SILENT_S for mark in counting if mark.live
        )

"""Counters that fall many times in a minute: two programs may send the same series."""

from __future__ import annotations

from collections.abc import Iterable

import structlog

log = structlog.get_logger(__name__)
#: Series that are remembered as told.
_MOST_TOLD = 1000


class ResetWatch:
    """Tells the log of each series once, until many others have been told of."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], None] = {}

    def note(self, found: Iterable[tuple[str, str, int]]) -> None:
        """Service and key of series, and how often each fell in a minute."""
        for service, series, falls in found:
            if (service, series) in self._told:
                continue
            self._told[service, series] = None
            if len(self._told) > _MOST_TOLD:
                del self._told[next(iter(self._told))]
            log.warning(
                "a counter fell many times in a minute: do two programs send it?",
                service=service,
                series=series,
                falls=falls,
            )

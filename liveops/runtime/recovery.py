"""Taking over partitions: their table is read anew before anything is done with them."""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import Any, Protocol

import structlog
from faust.types.app import AppT

from liveops.errors import Unavailable
from liveops.kafka.offsets import LogOffsets
from liveops.runtime.exit_codes import LOST_STATE

log = structlog.get_logger(__name__)


class Table(Protocol):
    """A table that can be read anew from its changelog."""

    name: str

    async def reload(self, log: LogOffsets, partitions: Collection[int]) -> None:
        """Hold what these partitions hold, and nothing else; raises Unavailable("kafka")."""


class Takeover:
    """Reads a table anew for the partitions this worker is assigned."""

    def __init__(self, app: AppT, table: Table, offsets: LogOffsets) -> None:
        self._table = table
        self._offsets = offsets
        self._revocations = 0
        app.on_partitions_revoked.connect(self._revoked)

    async def _revoked(self, *_: Any, **__: Any) -> None:
        self._revocations += 1

    async def reload(self, partitions: Collection[int]) -> bool:
        """Read the changelog; False when the assignment has ended meanwhile.

        Without it nothing may be folded: when the broker does not answer the process ends.
        """
        before = self._revocations
        try:
            await self._table.reload(self._offsets, partitions)
        except Unavailable:
            log.error("the changelog could not be read; starting again", table=self._table.name)
            os._exit(LOST_STATE)
        return self._revocations == before

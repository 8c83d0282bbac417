"""No worker goes on with a table that was not recovered to its end."""

from __future__ import annotations

import os
from collections.abc import Collection

import structlog

from agents.window import EXIT_LOST_STATE
from liveops.kafka.offsets import LogOffsets
from tables.checkpointed import CheckpointedTable

log = structlog.get_logger(__name__)


async def leave_if_stale(
    table: CheckpointedTable, offsets: LogOffsets, partitions: Collection[int]
) -> None:
    """End the process when these partitions lack their last write: a new one reads it all."""
    stale = await table.stale(offsets, partitions)
    if stale:
        log.error("table not recovered to its end; starting again", partitions=sorted(stale))
        os._exit(EXIT_LOST_STATE)

"""A Faust table that may be written at a checkpoint and knows when its writes are safe.

Faust writes tables only inside a stream's iteration and forgets the broker's answer.
Here the partition follows from the key's owner, and `written()` awaits every ack.
"""

from __future__ import annotations

import asyncio
from typing import Any

import faust
from faust.types.app import AppT
from faust.types.tuples import FutureMessage

from liveops.kafka.partitioning import partition_of

#: Separates the owner (a service name) from the rest of a table key.
SEPARATOR = b"\x00"


class CheckpointedTable(faust.Table[bytes, bytes]):
    """Plain table of raw bytes; key = owner, NUL, part; partition = that of the owner."""

    def __init__(self, app: AppT, *, name: str, partitions: int) -> None:
        super().__init__(
            app,
            name=name,
            partitions=partitions,
            key_type=bytes,
            value_type=bytes,
            extra_topic_configs={
                "segment.ms": "60000",
                "min.cleanable.dirty.ratio": "0.1",
                "delete.retention.ms": "600000",
            },
        )
        self._owners = partitions
        self._unacknowledged: list[FutureMessage] = []

    def partition_for_key(self, key: bytes) -> int:
        """The partition of the key's owner, whichever stream is being read."""
        return partition_of(key.split(SEPARATOR, 1)[0].decode(), self._owners)

    def send_changelog(self, *args: Any, **kwargs: Any) -> FutureMessage:
        """Send to the changelog and keep the promise of its ack."""
        future = super().send_changelog(*args, **kwargs)
        self._unacknowledged.append(future)
        return future

    async def written(self) -> None:
        """Wait until the broker has acknowledged every write so far; raises its error."""
        futures, self._unacknowledged = self._unacknowledged, []
        await asyncio.gather(*futures)


def declare(app: AppT, name: str, partitions: int) -> CheckpointedTable:
    """Create the table and make it known to the app."""
    table = CheckpointedTable(app, name=name, partitions=partitions)
    app.tables.add(table)
    return table

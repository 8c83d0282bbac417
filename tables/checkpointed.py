"""A Faust table that may be written at a checkpoint and knows when its writes are safe.

Faust writes tables only inside a stream's iteration, one record at a time, by a producer
that is not idempotent, and forgets the broker's answer. Here the partition follows from
the key's owner, and `written()` sends all writes in order, in batches, and awaits the acks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import Any, cast

import faust
from faust.types.app import AppT
from faust.types.events import EventT

from liveops.errors import Unavailable
from liveops.kafka.offsets import LogOffsets
from liveops.kafka.partitioning import partition_of
from liveops.kafka.producer import Outgoing, Producer
from liveops.kafka.progress import holds_lease
from liveops.runtime.retry import retrying

#: Separates the owner (a service name) from the rest of a table key.
SEPARATOR = b"\x00"
#: At most between two tries to reach the broker: a rebalance may be waiting for it.
_PAUSE_S = 0.2


class CheckpointedTable(faust.Table[bytes, bytes]):
    """Plain table of raw bytes; key = owner, NUL, part; partition = that of the owner."""

    def __init__(
        self,
        app: AppT,
        *,
        name: str,
        partitions: int,
        producer: Producer,
        may_write: Callable[[], bool],
    ) -> None:
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
        self._sender = producer
        self._may_write = may_write
        self._unsent: dict[int, list[Outgoing]] = {}

    def partition_for_key(self, key: bytes) -> int:
        """The partition of the key's owner, whichever stream is being read."""
        return partition_of(key.split(SEPARATOR, 1)[0].decode(), self._owners)

    def on_key_set(self, key: bytes, value: bytes) -> None:
        """Note a write for the changelog."""
        self._note(key, value)

    def on_key_del(self, key: bytes) -> None:
        """Note a deletion for the changelog."""
        self._note(key, None)

    def apply_changelog_batch(self, batch: Iterable[EventT[Any]]) -> None:
        """Nothing: what the changelog says is read by `reload` alone.

        Faust applies what is left in its buffers and queue at any later time, also after that:
        an older value would stand over a newer one.
        """

    def _note(self, key: bytes, value: bytes | None) -> None:
        writes = self._unsent.setdefault(self.partition_for_key(key), [])
        writes.append(Outgoing(key.decode(), value))

    async def written(self, partitions: Collection[int] | None = None) -> None:
        """Send every write so far and wait until the broker has acknowledged it.

        Of these partitions, by default of all; not twice at a time for one. Tries until it is
        there, in the order of the writes; the caller sets a deadline. Waits while the
        partitions may have another owner: written over its state ours would be lost metrics.
        """
        wanted = list(self._unsent) if partitions is None else partitions
        unsent = {number: self._unsent.pop(number, []) for number in wanted}
        topic = self.changelog_topic.get_topic_name()
        async with asyncio.TaskGroup() as group:
            for partition, writes in unsent.items():
                group.create_task(self._send(topic, partition, writes))

    async def surely_ours(self) -> None:
        """Wait until no other worker can have been given the partitions."""
        await retrying("the group", first_s=_PAUSE_S, longest_s=_PAUSE_S)(self._check_owner)

    async def reload(self, log: LogOffsets, partitions: Collection[int]) -> None:
        """Hold what the changelog of these partitions says, and nothing else.

        Faust's own recovery is not enough: when one rebalance follows another, an event left
        in its queue sets the offset to go on from, and all before it is taken for read.
        Raises Unavailable("kafka").
        """
        topic = self.changelog_topic.get_topic_name()
        values = await log.newest_values(topic, partitions)
        self._unsent.clear()
        held: dict[bytes, bytes] = cast(Any, self.data).data
        held.clear()
        held.update(values)

    async def _send(self, topic: str, partition: int, writes: list[Outgoing]) -> None:
        async for attempt in retrying(
            f"the changelog {topic}", first_s=_PAUSE_S, longest_s=_PAUSE_S
        ):
            with attempt:
                await self._check_owner()
                await self._sender.send_in_order(topic, partition, writes)

    async def _check_owner(self) -> None:
        if not self._may_write():
            raise Unavailable("kafka", "the partitions may have another owner")


def declare(
    app: AppT,
    name: str,
    partitions: int,
    producer: Producer,
    may_write: Callable[[], bool] | None = None,
) -> CheckpointedTable:
    """Create the table and make it known to the app.

    `may_write` tells whether its partitions are surely ours; by default the consumer does.
    """
    table = CheckpointedTable(
        app,
        name=name,
        partitions=partitions,
        producer=producer,
        may_write=may_write or partial(holds_lease, app),
    )
    app.tables.add(table)
    return table

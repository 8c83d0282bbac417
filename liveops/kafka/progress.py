"""How far this worker has read: Faust keeps it, but offers no public way to ask.

Everything private that is touched for it stands here, beside the pinned Faust version.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from faust.types import TP
from faust.types.app import AppT
from faust.types.tuples import Message


def read_to_end(app: AppT, partition: TP) -> bool:
    """Whether the consumer has handed on every record the broker told it of."""
    consumer: Any = app.consumer
    end = consumer.highwater(partition)
    read = consumer._read_offset.get(partition)  # noqa: SLF001 - Faust offers no other position
    if end is None:
        return False
    return end == 0 or (read is not None and read + 1 >= end)


def unacknowledged(app: AppT, topics: Collection[str]) -> int:
    """Chunks of batched topics handed to agents, or about to be, and not acknowledged."""
    consumer: Any = app.consumer
    count: int = consumer.unacknowledged_chunks(topics)
    return count


def holds_lease(app: AppT) -> bool:
    """Whether no other worker can have been given our partitions: a process that was frozen
    for longer than its session goes on as if nothing had been, until the group tells it."""
    consumer: Any = app.consumer
    held: bool = consumer.holds_lease()
    return held


def must_release(app: AppT) -> bool:
    """Whether Faust waits for its chunks: a rebalance or the stop has begun."""
    consumer: Any = app.consumer
    return not consumer.flow_active


def release(app: AppT, message: Message) -> None:
    """Faust waits for this chunk no longer; not acknowledged, it will be read again."""
    consumer: Any = app.consumer
    consumer._unacked_messages.discard(message)  # noqa: SLF001 - no other way


def committed_offsets(app: AppT) -> dict[TP, int]:
    """Next offset to be read after a restart, of each assigned source partition."""
    if app.producer_only:
        return {}
    consumer: Any = app.consumer
    sources = [tp for tp in consumer.assignment() if not consumer._is_changelog_tp(tp)]  # noqa: SLF001
    committed = consumer._committed_offset  # noqa: SLF001 - Faust offers no other way
    return {tp: committed[tp] or 0 for tp in sources}

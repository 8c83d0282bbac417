"""How far this worker has read: Faust keeps it, but offers no public way to ask.

Everything private that is touched for it stands here, beside the pinned Faust version.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from faust.types import TP
from faust.types.app import AppT


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

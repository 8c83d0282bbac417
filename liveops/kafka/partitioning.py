"""Which partition a service belongs to: murmur2 of its UTF-8 name, as Java's client does."""

from __future__ import annotations

from functools import lru_cache

from aiokafka.partitioner import murmur2


@lru_cache(maxsize=65_536)
def partition_of(name: str, partitions: int) -> int:
    """Partition number in [0, partitions)."""
    return int(murmur2(name.encode()) & 0x7FFFFFFF) % partitions

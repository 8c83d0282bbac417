"""Which partition a service belongs to: murmur2 of its UTF-8 name, as Java's client does."""

from __future__ import annotations

from functools import lru_cache

from aiokafka.partitioner import murmur2

from schema.series import OVERFLOW_SERVICE


@lru_cache(maxsize=65_536)
def partition_of(name: str, partitions: int) -> int:
    """Partition number in [0, partitions).

    What is named `liveops_overflow/<number>` belongs to that partition.
    """
    number = name.removeprefix(OVERFLOW_SERVICE)
    if number != name and number.isdecimal() and int(number) < partitions:
        return int(number)
    return int(murmur2(name.encode()) & 0x7FFFFFFF) % partitions

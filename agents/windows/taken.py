"""What a chunk has for others than the windows: forwards, faults, the live tail."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from liveops.intake.chunk import DecodedChunk
from liveops.intake.faults import Fault, Place
from liveops.intake.source_position import HEADER, place_of
from liveops.kafka.producer import Outgoing
from liveops.windows.partition import ForeignRecords
from liveops.windows.state import PartitionState


@dataclass(slots=True)
class Taken:
    """Forwards by partition and faults of a decoded chunk, in the order they were read.

    `faults` are told with the position of their record; `partition` is where it was read.
    """

    partition: int
    chunk: DecodedChunk
    forwards: dict[int, list[Outgoing]] = field(default_factory=dict)
    faults: list[tuple[int, Fault]] = field(default_factory=list)

    def place(self, at: int) -> Place:
        """Where a record of the chunk lies in the log."""
        return place_of(self.chunk.positions.at(at), self.partition)


def taken(
    partition: PartitionState, chunk: DecodedChunk, foreign: ForeignRecords, *, keyed: bool
) -> Taken:
    """Records of other partitions are forwarded once; the second time they are misrouted.

    A record with services of several partitions goes to each of them as it is, and each takes
    what is its own: its items keep their place in it. What is bad in a forwarded record was told
    where it was read first.
    """
    found = Taken(partition.home, chunk)
    if keyed:
        fault = Fault("misrouted", None, "forwarded once and on the wrong partition again")
        found.faults = [(at, fault) for at in np.unique(foreign.records).tolist()]
    else:
        found.faults = chunk.faults
        if len(foreign.records):
            _add_forwards(found, partition, foreign)
    return found


def _add_forwards(found: Taken, partition: PartitionState, foreign: ForeignRecords) -> None:
    chunk = found.chunk
    headers = chunk.positions.packed(foreign.records)
    columns = zip(*map(np.ndarray.tolist, foreign), headers, strict=True)
    for at, home, number, header in columns:
        service = chunk.table.ids[number].service_name
        outgoing = Outgoing(service, chunk.records[at].value, ((HEADER, header),))
        try:
            found.forwards[home].append(outgoing)
        except KeyError:
            found.forwards[home] = [outgoing]
    newest_s = float(chunk.positions.append_s[foreign.records].max())
    for home in found.forwards:
        partition.forwarded_s[home] = max(newest_s, partition.forwarded_s.get(home, 0.0))

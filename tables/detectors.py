"""The table of detector state: key `service NUL series`, and `service NUL` for presence.

A value a series keeps every record far below the broker's limit.
"""

from __future__ import annotations

from collections.abc import Iterable

from faust.types.app import AppT

from liveops.detection.codec import decode_presence, decode_series
from liveops.detection.state import ServiceDetectors, new_service
from liveops.kafka.producer import Producer
from tables.checkpointed import SEPARATOR, CheckpointedTable, declare

NAME = "detectors"


def register(app: AppT, partitions: int, producer: Producer) -> CheckpointedTable:
    """Declare the table."""
    return declare(app, NAME, partitions, producer)


def key_of(service: str, series: str = "") -> bytes:
    """Key of a series, or of the service's presence."""
    return service.encode() + SEPARATOR + series.encode()


def owner_of(key: bytes) -> str:
    """The service of a key."""
    return key.split(SEPARATOR, 1)[0].decode()


def decode_service(
    service: str, values: Iterable[tuple[bytes, bytes]]
) -> tuple[ServiceDetectors, dict[str, int]]:
    """State of a service and its last applied offsets; MsgspecError on foreign bytes."""
    state, offsets = new_service(service), dict[str, int]()
    for key, value in values:
        series = key.split(SEPARATOR, 1)[1].decode()
        if series:
            state.series[series] = decode_series(value)
        else:
            state.presence, offsets = decode_presence(value)
    for name, known in state.series.items():
        # Forms before `seen_s` had only the start of the newest closed windows.
        known.event_s = known.event_s or float(max(known.closed_s.values(), default=0))
        state.seen.touch(name, known.event_s or state.presence.event_s)
    return state, offsets

"""A service that the detectors of this worker watch, and the records that tell of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from liveops.detection.state import ServiceDetectors
from schema import topics
from schema.metrics import Aggregate
from schema.windows import read_open, read_window


@dataclass(slots=True)
class Watched:
    """A service this worker watches, and what of it is not stored yet."""

    state: ServiceDetectors
    offsets: dict[str, int] = field(default_factory=dict)
    unsaved: set[str] = field(default_factory=set)
    presence_unsaved: bool = False


def read_windows(topic: str, value: bytes) -> tuple[str, list[Aggregate], float | None]:
    """(service, windows, watermark or None) of a record; raises ValueError."""
    if topic == topics.AGGREGATED:
        item = read_window(value)
        return item.service_name, [item], None
    return read_open(value)

"""Series of OpenTelemetry: what names them, and how they are written. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from liveops.intake.foreign_series import Naming, Remembered, Written, written
from liveops.intake.otlp_attributes import SERVICE_NAME, Labels, layered
from schema.kinds import Kind
from schema.metrics import MetricFault

_Key = tuple[tuple[bytes, bytes], str, Kind, tuple[tuple[str, str], ...]]


@dataclass(frozen=True, slots=True)
class Origin:
    """The resource and scope of points; `key` are their bytes as sent."""

    resource: Labels
    scope: Labels
    key: tuple[bytes, bytes]


class OtlpNames:
    """The series a worker has met in OTLP, by origin, name and attributes."""

    def __init__(self, naming: Naming, max_bytes: int) -> None:
        self._services = (SERVICE_NAME, *naming.services)
        self._known: Remembered[_Key, Written | MetricFault] = Remembered(max_bytes)

    def series(
        self, origin: Origin, metric: str, kind: Kind, point: Labels
    ) -> Written | MetricFault:
        """The series of a point with these attributes."""
        key = (origin.key, metric, kind, tuple(point.items()))
        known = self._known.get(key)
        if known is None:
            labels = layered(point, origin.scope, origin.resource)
            known = written(metric, labels, kind, self._services, tuple(point))
            size_bytes = 1000 + sum(len(name) + len(text) + 100 for name, text in point.items())
            size_bytes += len(known.head) if isinstance(known, Written) else 0
            self._known.put(key, known, size_bytes + sum(map(len, origin.key)))
        return known

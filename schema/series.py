"""The one identity of a series: service, metric type, sorted tags.

Its key is the text by which PostgreSQL, Redis, tables and incidents name the series within
its service. What separates the parts of a key is escaped in tags, so that two series never
share one; a key without such characters reads as it is written: `latency_ms{host=a,zone=b}`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from schema.kinds import GAUGE, Kind

#: Tags as sorted pairs.
Tags = tuple[tuple[str, str], ...]
#: Reserved: where values go when there are more series than there may be.
OVERFLOW_TAG = "liveops_overflow"
OVERFLOW_TAGS: Tags = ((OVERFLOW_TAG, "true"),)
#: Metric type of the one series for the rest, when there are too many overflow series too.
OVERFLOW_METRIC = "liveops_overflow"
#: Reserved beginning of a service's name: `liveops_overflow/<partition>` takes the values of
#: services beyond the limit on services of its partition.
OVERFLOW_SERVICE = "liveops_overflow/"

_SPECIAL = re.compile(r"[\\,={}]")


class SeriesId(NamedTuple):
    """A series; `tags` must be sorted (`series_id` sees to it).

    `kind` is what it is at the time: nobody names a series by it.
    """

    service_name: str
    metric_type: str
    tags: Tags
    kind: Kind = GAUGE

    @property
    def key(self) -> str:
        """Name within the service."""
        return _key(self.metric_type, self.tags)


def series_id(
    service_name: str, metric_type: str, tags: Mapping[str, str], kind: Kind = GAUGE
) -> SeriesId:
    """The identity of a series as clients write it."""
    return SeriesId(service_name, metric_type, tuple(sorted(tags.items())), kind)


def series_key(metric_type: str, tags: Mapping[str, str]) -> str:
    """Name of a series within its service: metric type and sorted, escaped tags."""
    if not tags:
        return metric_type
    return _key(metric_type, sorted(tags.items()) if len(tags) > 1 else list(tags.items()))


def _key(metric_type: str, tags: Sequence[tuple[str, str]]) -> str:
    if not tags:
        return metric_type
    text = ",".join([f"{name}={value}" for name, value in tags])
    if not _is_plain(text, len(tags)):
        text = ",".join([f"{_escaped(name)}={_escaped(value)}" for name, value in tags])
    return f"{metric_type}{{{text}}}"


def _is_plain(text: str, tags: int) -> bool:
    """Whether nothing but what separates these tags is special in it; as most are."""
    if "\\" in text or "{" in text or "}" in text:
        return False
    return text.count("=") == tags and text.count(",") == tags - 1


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", text)

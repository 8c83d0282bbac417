"""Series of senders that know nothing of LiveOps: how each is named on `metrics.raw`. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Generic, NamedTuple, TypeVar

import orjson

from liveops.intake.mapping import legal_metric, legal_tags, no_service, service_of
from schema.kinds import GAUGE, Kind
from schema.metrics import MetricFault
from schema.series import OVERFLOW_SERVICE, OVERFLOW_TAG

#: Labels or attributes of one series beyond which it is a mistake, not a series.
MAX_LABELS = 1000
#: One series, point or set of attributes in one body: it is read in one go.
MAX_PART_BYTES = 262_144
#: Endings of names that Prometheus gives to counters, those of histograms and summaries among them.
_COUNTER_ENDINGS = ("_total", "_count", "_sum", "_bucket")
K = TypeVar("K")
V = TypeVar("V")


class Written(NamedTuple):
    """A series as it is written: its service, and an item of it up to the value."""

    service: str
    head: bytes
    kind: Kind


class Refusal(Exception):
    """A series or value is not taken. Faults are kept and told again, so none is raised itself."""

    def __init__(self, fault: MetricFault) -> None:
        super().__init__(fault.msg)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Naming:
    """How a sender's labels become ours.

    `services`: labels that may name the service, the first that is there does. `counters` and
    `gauges`: globs of names whose kind is known better than their ending tells.
    """

    services: tuple[str, ...] = ("service", "job", "app", "instance")
    counters: tuple[str, ...] = ()
    gauges: tuple[str, ...] = ()

    def kind_of(self, name: str) -> Kind:
        """Counter or gauge, by the name alone."""
        if any(fnmatchcase(name, glob) for glob in self.gauges):
            return "gauge"
        if name.endswith(_COUNTER_ENDINGS):
            return "counter"
        return "counter" if any(fnmatchcase(name, glob) for glob in self.counters) else "gauge"


def written(
    metric: str,
    labels: Mapping[str, str],
    kind: Kind,
    services: Sequence[str],
    telling: Sequence[str] = (),
) -> Written | MetricFault:
    """The series of these labels or attributes, or why it is none.

    Of too many labels those in `telling` stay first.
    """
    if not metric:
        return MetricFault(["metric_type"], "there is no name")
    found = service_of(labels, services)
    if found is None:
        return no_service(services)
    service, rest = found
    if OVERFLOW_TAG in rest or service.startswith(OVERFLOW_SERVICE):
        return MetricFault([], f"{OVERFLOW_TAG} is reserved")
    if "" in rest:
        return MetricFault(["tags"], "a label has no name")
    tags = legal_tags(rest, telling)
    named: dict[str, object] = {"metric_type": legal_metric(metric)}
    if tags:
        named["tags"] = dict(sorted(tags.items()))
    if kind != GAUGE:
        named["kind"] = kind
    named["once"] = True
    field = b"histogram" if kind == "histogram" else b"value"
    return Written(service, orjson.dumps(named)[:-1] + b',"%b":' % field, kind)


class Remembered(Generic[K, V]):
    """Answers by key, of bounded size in bytes; those that were not asked for go first.

    Two generations: what is asked for moves into the young one, and when that is half of all
    that may be kept, it becomes the old one.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_young_bytes = max_bytes // 2
        self._young: dict[K, tuple[V, int]] = {}
        self._old: dict[K, tuple[V, int]] = {}
        self._young_bytes = 0

    def get(self, key: K) -> V | None:
        """The answer to this, if it is remembered."""
        found = self._young.get(key)
        if found is None:
            found = self._old.pop(key, None)
            if found is None:
                return None
            self._keep(key, found)
        return found[0]

    def put(self, key: K, answer: V, size_bytes: int) -> None:
        """Remember an answer; `size_bytes` is about what it takes, the key included."""
        self._keep(key, (answer, size_bytes))

    def _keep(self, key: K, entry: tuple[V, int]) -> None:
        if self._young_bytes + entry[1] > self._max_young_bytes:
            self._old, self._young, self._young_bytes = self._young, {}, 0
        self._young[key] = entry
        self._young_bytes += entry[1]

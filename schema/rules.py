"""Rules that detectors obey, silences that mute them, and the graph of calls."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from schema.incidents import Severity
from schema.kinds import Kind

RuleKind = Literal[
    "threshold", "zscore", "forecast", "no_data", "ensemble", "shape", "change", "ratio",
]  # fmt: skip
Field = Literal[
    "mean", "min", "max", "sum", "count", "rate", "stddev", "p50", "p95", "p99", "increase",
    "rate_per_s",
]  # fmt: skip
#: Fields that mean the same whatever kind of metric it is.
_OF_ANY_KIND: frozenset[Field] = frozenset({"count", "rate", "increase", "rate_per_s"})
Operator = Literal[">", ">=", "<", "<="]
#: What a rule on missing data watches: services, metric types of living ones, or series.
AbsenceScope = Literal["service", "metric", "series"]


class Rule(Struct, frozen=True, kw_only=True):
    """When a series counts as unhealthy; globs choose the series (contract §3)."""

    id: str
    name: str
    kind: RuleKind
    service: str = "*"
    metric: str = "*"
    tags: dict[str, str] = {}
    window: str = "1m"
    field: Field = "mean"
    #: Of `ratio`: the metric type that `metric` is divided by, with the same tags.
    per: str | None = None
    op: Operator | None = None
    value: float | None = None
    sensitivity: float | None = None
    #: Of kinds that learn what is rare: about one false alarm in so many days of a series.
    one_alarm_in_days: float | None = None
    severity: Severity = "medium"
    for_s: float = 0
    keep_firing_for_s: float = 0
    enabled: bool = True
    version: int = 1
    #: Of `no_data`; unless given it follows from what the rule chooses.
    scope: AbsenceScope | None = None

    @property
    def absence_scope(self) -> AbsenceScope:
        """What a `no_data` rule watches: series where it names metrics or tags."""
        if self.scope is not None:
            return self.scope
        return "service" if self.metric == "*" and not self.tags else "series"


class Silence(Struct, frozen=True, kw_only=True):
    """Mutes matching detections from `starts_at` until `ends_at` (RFC 3339).

    With `rrule` (the value of an RFC 5545 RRULE, begun at `starts_at` in `zone`) only for
    `duration_s` seconds from each time it names.
    """

    id: str
    service: str = "*"
    metric: str = "*"
    severity: Severity | None = None
    starts_at: str
    ends_at: str
    reason: str
    created_by: str
    tags: dict[str, str] = {}
    rrule: str | None = None
    duration_s: float | None = None
    zone: str | None = None


class Edge(Struct, frozen=True, kw_only=True):
    """`caller` calls `callee`; declared by a person or learned from tags."""

    caller: str
    callee: str
    source: Literal["declared", "learned"] = "declared"
    first_seen_s: float | None = None
    last_seen_s: float | None = None


def judged_field(field: Field, kind: Kind) -> Field:
    """What a learning detector judges: of counters and deltas no level, but their rate."""
    if kind in ("counter", "delta") and field not in _OF_ANY_KIND:
        return "rate_per_s"
    return field

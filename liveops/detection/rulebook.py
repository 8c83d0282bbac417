"""Which rules apply to a series, and whether a silence mutes it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from liveops.detection.silencing import Muting
from schema.incidents import Detection, Severity
from schema.rules import AbsenceScope, Rule, Silence

#: Series whose rules are remembered; also of those that are long gone.
_REMEMBERED = 200_000


@dataclass(frozen=True, slots=True)
class Chosen:
    """Rules that choose a series: on its values, and on the absence of its data."""

    values: tuple[Rule, ...]
    absence: tuple[Rule, ...]


class RuleBook:
    """Enabled rules and silences; made anew whenever one of them changes."""

    def __init__(self, rules: Iterable[Rule], silences: Iterable[Silence]) -> None:
        self.rules = {rule.id: rule for rule in sorted(rules, key=_id) if rule.enabled}
        self._silences = [Muting(silence) for silence in sorted(silences, key=_id)]
        self._ratios: dict[str, list[Rule]] = {}
        for rule in self.rules.values():
            if rule.kind == "ratio" and rule.per is not None:
                self._ratios.setdefault(rule.per, []).append(rule)
        self._found: dict[tuple[str, str], Chosen] = {}

    def for_series(
        self, service: str, series: str, metric_type: str, tags: dict[str, str]
    ) -> Chosen:
        """Rules on a series; remembered, globs are slow."""
        found = self._found.get((service, series))
        if found is None:
            if len(self._found) >= _REMEMBERED:
                self._found.clear()
            rules = [
                rule
                for rule in self.rules.values()
                if (rule.kind != "no_data" or rule.absence_scope == "series")
                and fnmatchcase(service, rule.service)
                and fnmatchcase(metric_type, rule.metric)
                and rule.tags.items() <= tags.items()
            ]
            found = self._found[(service, series)] = Chosen(
                tuple(rule for rule in rules if rule.kind != "no_data"),
                tuple(rule for rule in rules if rule.kind == "no_data"),
            )
        return found

    def ratios_per(self, service: str, metric_type: str) -> list[Rule]:
        """Rules that divide by a metric of a service."""
        return [
            rule for rule in self._ratios.get(metric_type, ()) if fnmatchcase(service, rule.service)
        ]

    def on_presence(self, service: str, scope: AbsenceScope) -> list[Rule]:
        """Rules on the absence of a service, or of its metric types."""
        return [
            rule
            for rule in self.rules.values()
            if rule.kind == "no_data"
            and rule.absence_scope == scope
            and fnmatchcase(service, rule.service)
        ]

    def mutes(
        self, rule: Rule, service: str, metric_type: str, tags: dict[str, str], at_s: float
    ) -> bool:
        """Whether a silence covers a detection of this rule at that time."""
        return self._silent(service, metric_type, tags, rule.severity, at_s)

    def mutes_alert(self, alert: Detection, at_s: float) -> bool:
        """Whether a silence covers at that time what another system has detected."""
        return self._silent(alert.service_name, alert.metric_type, alert.tags, alert.severity, at_s)

    def _silent(
        self, service: str, metric_type: str, tags: dict[str, str], severity: Severity, at_s: float
    ) -> bool:
        return any(
            muting.span_at(at_s) is not None and muting.covers(service, metric_type, tags, severity)
            for muting in self._silences
        )


def _id(entry: Rule | Silence) -> str:
    return entry.id

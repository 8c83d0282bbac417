"""The rules that exist from the first start; ids are fixed, so seeding twice adds nothing."""

from __future__ import annotations

from schema.ids import derived_id
from schema.rules import Rule

#: Of the former default rules.
_SENSITIVITY = 6.0
_FIRST: tuple[Rule, ...] = (
    Rule(
        id=derived_id("default-rule", "no_data"),
        name="Service fell silent",
        kind="no_data",
        severity="high",
    ),
)
_SILENT_METRICS: tuple[Rule, ...] = (
    Rule(
        id=derived_id("default-rule", "no_data_metric"),
        name="Metric of a living service fell silent",
        kind="no_data",
        scope="metric",
        severity="medium",
    ),
)
_ENSEMBLE: tuple[Rule, ...] = (
    Rule(
        id=derived_id("default-rule", "ensemble"),
        name="Unusual value",
        kind="ensemble",
        severity="high",
    ),
)
#: Rules that came together, by the name under which a database remembers that it has them.
SEEDS: dict[str, tuple[Rule, ...]] = {
    "": _FIRST,
    "silent-metrics": _SILENT_METRICS,
    "ensemble": _ENSEMBLE,
}
DEFAULT_RULES: tuple[Rule, ...] = tuple(rule for seed in SEEDS.values() for rule in seed)
#: Former default rules by the seed that takes their place where nobody has changed them.
REPLACED: dict[str, tuple[Rule, ...]] = {
    "ensemble": (
        Rule(
            id=derived_id("default-rule", "zscore"),
            name="Unusual value",
            kind="zscore",
            sensitivity=_SENSITIVITY,
            severity="high",
        ),
        Rule(
            id=derived_id("default-rule", "forecast"),
            name="Off the forecast",
            kind="forecast",
            sensitivity=_SENSITIVITY,
            severity="medium",
        ),
    )
}

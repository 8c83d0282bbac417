"""The rules that exist from the first start; ids are fixed, so seeding twice adds nothing."""

from __future__ import annotations

from liveops.detection.zscore import DEFAULT_SENSITIVITY
from schema.ids import derived_id
from schema.rules import Rule

DEFAULT_RULES: tuple[Rule, ...] = (
    Rule(
        id=derived_id("default-rule", "zscore"),
        name="Unusual value",
        kind="zscore",
        sensitivity=DEFAULT_SENSITIVITY,
        severity="high",
    ),
    Rule(
        id=derived_id("default-rule", "forecast"),
        name="Off the forecast",
        kind="forecast",
        sensitivity=DEFAULT_SENSITIVITY,
        severity="medium",
    ),
    Rule(
        id=derived_id("default-rule", "no_data"),
        name="Service fell silent",
        kind="no_data",
        severity="high",
    ),
)

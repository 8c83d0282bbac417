"""What a detection is called, by its kind, and how its figures are written. Pure."""

from __future__ import annotations

from typing import Literal

from schema.incidents import WHOLE, Detection

Kind = Literal["above", "below", "over_limit", "under_limit", "silent_service", "silent_metric"]

#: What happened, as the title of an incident says it.
TITLES: dict[Kind, str] = {
    "above": "{metric} rose to {peak}, usually {expected}",
    "below": "{metric} fell to {peak}, usually {expected}",
    "over_limit": "{metric} rose to {peak}, limit {limit}",
    "under_limit": "{metric} fell to {peak}, limit {limit}",
    "silent_service": "no data",
    "silent_metric": "no data of {metric}",
}


def kind_of(detection: Detection) -> Kind:
    """What kind of finding a detection is."""
    if detection.detector == "no_data":
        return "silent_service" if detection.metric_type == WHOLE else "silent_metric"
    if detection.expected is not None:
        return "above" if detection.furthest > detection.expected else "below"
    return "over_limit" if detection.upper is not None else "under_limit"


def limit_of(detection: Detection) -> float | None:
    """The fixed limit that was broken; None of other detections than those of a threshold."""
    if detection.detector == "no_data" or detection.expected is not None:
        return None
    return detection.upper if detection.upper is not None else detection.lower


def title(detection: Detection) -> str:
    """What happened, without the service's name."""
    return TITLES[kind_of(detection)].format(
        metric=detection.metric_type,
        peak=figure(detection.furthest),
        expected=figure(detection.expected),
        limit=figure(limit_of(detection)),
    )


def figure(value: float | None) -> str:
    """A number with four significant digits, without exponent up to a quadrillion."""
    if value is None:
        return "?"
    rounded = float(f"{value:.4g}")
    if rounded and not 1e-6 <= abs(rounded) < 1e15:
        return f"{rounded:.4g}"
    return f"{rounded:.9f}".rstrip("0").rstrip(".")

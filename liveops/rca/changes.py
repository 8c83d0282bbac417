"""Deployments and other changes: they strengthen evidence, and are none by themselves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

#: A fault shows within so long of the change that brought it.
_SHOWS_WITHIN_S = 1800.0
#: Clocks differ, and an onset is known to the minute.
_SLACK_S = 60.0


@dataclass(frozen=True, slots=True)
class Change:
    """A deployment or another change of a service at `at_s` (epoch seconds)."""

    service_name: str
    at_s: float
    kind: str = "deploy"


def changed_lately(changes: Iterable[Change], start_s: float) -> dict[str, Change]:
    """The last change of each service that was changed shortly before the incident began."""
    found: dict[str, Change] = {}
    for change in sorted(changes, key=lambda one: (one.at_s, one.service_name, one.kind)):
        if start_s - _SHOWS_WITHIN_S <= change.at_s <= start_s + _SLACK_S:
            found[change.service_name] = change
    return found

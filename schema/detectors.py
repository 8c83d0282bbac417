"""How a series stands with a rule, as detectors tell it (contract §7)."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

#: What a rule's alarm on a series is doing.
State = Literal["learning", "ok", "firing", "no_data"]


class Standing(Struct, frozen=True, kw_only=True):
    """One series under one rule; `learned` of the `needed` windows before it is judged.

    `reason` says why it fires, or why nothing does.
    """

    service_name: str
    metric_type: str
    tags: dict[str, str]
    rule_id: str
    detector: str
    state: State
    learned: int
    needed: int
    expected: float | None = None
    lower: float | None = None
    upper: float | None = None
    reason: str

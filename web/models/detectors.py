"""How detectors stand, as they are answered."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import BaseModel


class DetectorAnswer(BaseModel):
    """A series under a rule; bounds are those of the last window that a learning rule judged."""

    service_name: str
    metric_type: str
    tags: dict[str, str]
    rule_id: UUID
    detector: str
    state: Literal["learning", "ok", "firing", "no_data"]
    learned: int
    needed: int
    expected: float | None
    lower: float | None
    upper: float | None
    reason: str


class DetectorPage(BaseModel):
    """By service, metric type, tags and rule."""

    items: list[DetectorAnswer]
    next_cursor: str | None

"""Analyses as clients see them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict


class GenerateBody(BaseModel):
    """Which incident to analyse; `force` even when a result is there."""

    model_config = ConfigDict(extra="forbid")

    incident_id: UUID
    force: bool = False


class EvidenceBody(BaseModel):
    """One verifiable fact."""

    id: str
    text: str
    kind: str
    ref: dict[str, Any]


class RankedBody(BaseModel):
    """A candidate for the cause, best first in its list."""

    service_name: str
    score: float
    metric_type: str | None
    evidence: list[str]


class AnalysisBody(BaseModel):
    """An analysis; while it is pending only ranking, evidence and verdict are filled."""

    id: UUID
    incident_id: UUID
    status: Literal["pending", "completed", "failed"]
    root_cause: str
    root_cause_service: str | None
    confidence: float
    impacted_services: list[str]
    suggested_actions: list[str]
    technical_summary: str
    executive_summary: str
    evidence: list[EvidenceBody]
    ranking: list[RankedBody]
    verdict: Literal["cause_found", "inconclusive"]
    source: Literal["llm", "fallback"]
    model: str | None
    cost_usd: float
    tokens: int
    analyzed_at: datetime | None
    latency_ms: float | None

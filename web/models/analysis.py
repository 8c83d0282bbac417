"""Analyses as clients see them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from liveops.rca.questions import MAX_QUESTION_CHARS
from schema.analysis import FaultKind, Risk, Source
from web.models.fields import NO_NUL


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


class ActionBody(BaseModel):
    """What could be done, and the evidence that speaks for it by id."""

    text: str
    kind: FaultKind = Field(description="the kind of fault it is against")
    risk: Risk = Field(description="never less than the verbs of the text have")
    reversible: bool = Field(description="whether it can be undone without loss")
    evidence: list[str]


class AnalysisBody(BaseModel):
    """An analysis; while it is pending only ranking, evidence and verdict are filled."""

    id: UUID
    incident_id: UUID
    status: Literal["pending", "completed", "failed"]
    root_cause: str
    root_cause_service: str | None
    confidence: float
    confidence_raw: float = Field(description="before verdicts of people calibrated it")
    confidence_text: str = Field(description="the confidence with its reasons, in words")
    impacted_services: list[str]
    suggested_actions: list[str] = Field(description="`actions` as sentences that cite evidence")
    actions: list[ActionBody]
    technical_summary: str
    executive_summary: str
    evidence: list[EvidenceBody]
    ranking: list[RankedBody]
    verdict: Literal["cause_found", "inconclusive"]
    source: Source
    source_reason: str = Field(
        description="why there are no words of a model, or not all, or another incident's"
    )
    model: str | None
    cost_usd: float
    tokens: int
    analyzed_at: datetime | None
    latency_ms: float | None


class CurveBin(BaseModel):
    """Analyses that told a confidence within [from, to): how sure, and how often right.

    The true share lies between `right_low` and `right_high` with 95 % sureness (Wilson).
    """

    from_: float = Field(alias="from")
    to: float
    count: int
    said: float
    right: float
    right_low: float
    right_high: float


class SourceStats(BaseModel):
    """Verdicts on the analyses of one source that named a cause.

    `calibrated` once there are as many as `needed`: log odds × `slope` + `offset` are told then.
    """

    source: Source
    verdicts: int
    right: int
    needed: int
    calibrated: bool
    slope: float
    offset: float
    error: float | None = Field(description="mean distance of what was said from what was right")
    curve: list[CurveBin]


class AnalysisStats(BaseModel):
    """How right analyses were, by source."""

    sources: list[SourceStats]


class AskBody(BaseModel):
    """A question about an analysed incident."""

    model_config = ConfigDict(extra="forbid")

    question: str = Field(min_length=1, max_length=MAX_QUESTION_CHARS, pattern=NO_NUL)


class AnswerBody(BaseModel):
    """The answer, the evidence it rests on by id, and who gave it."""

    answer: str
    evidence: list[str]
    source: Source


class AccountBody(BaseModel):
    """What was spent and reserved under one limit; `left` of the scarcer one, from 1 to 0."""

    tokens: int
    usd: float
    max_tokens: int
    max_usd: float
    left: float


class ServiceCost(BaseModel):
    """What the analyses of a service's incidents cost today."""

    service_name: str
    tokens: int
    usd: float
    calls: int


class BudgetBody(BaseModel):
    """The language model's account; `service` and `incident` where they were asked for."""

    model: str | None = Field(description="null where no language model is configured")
    day: AccountBody
    service: AccountBody | None
    incident: AccountBody | None
    services: list[ServiceCost] = Field(description="those that cost most today, at most 10")

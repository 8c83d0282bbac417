"""What an analysis says of an incident: ranking, evidence, two summaries."""

from __future__ import annotations

from typing import Any, Literal, get_args

from msgspec import Struct, to_builtins

from schema.incidents import Severity
from schema.times import format_time

Verdict = Literal["cause_found", "inconclusive"]
Source = Literal["llm", "fallback"]
Risk = Literal["low", "medium", "high"]
RISKS: tuple[Risk, ...] = get_args(Risk)
#: What kind of fault an action is against.
FaultKind = Literal[
    "change", "errors", "latency", "load", "memory", "network", "saturation", "silence", "other"
]


class Evidence(Struct, frozen=True):
    """One verifiable fact; every claim cites one by `id` (E1, E2, ...)."""

    id: str
    text: str
    kind: str
    ref: dict[str, Any]


class RankedCause(Struct, frozen=True):
    """A candidate for the cause; `score` in [0, 1], evidence by id."""

    service_name: str
    score: float
    metric_type: str | None
    evidence: list[str]


class Action(Struct, frozen=True):
    """What could be done; `reversible` where nothing is lost by undoing it, evidence by id."""

    text: str
    kind: FaultKind
    risk: Risk
    reversible: bool
    evidence: list[str]


class Analysis(Struct, kw_only=True):
    """The analysis of contract §3; `analyzed_at_s` in epoch seconds."""

    id: str
    incident_id: str
    status: Literal["pending", "completed", "failed"]
    root_cause: str = ""
    root_cause_service: str | None = None
    confidence: float = 0.0
    #: Before verdicts of people calibrated it.
    confidence_raw: float = 0.0
    #: The confidence with its reasons: "63 %: second candidate close, no deploy seen".
    confidence_text: str = ""
    impacted_services: list[str] = []
    #: The actions as sentences that cite their evidence.
    suggested_actions: list[str] = []
    actions: list[Action] = []
    technical_summary: str = ""
    executive_summary: str = ""
    evidence: list[Evidence] = []
    ranking: list[RankedCause] = []
    verdict: Verdict = "inconclusive"
    source: Source = "fallback"
    #: Why there are no words of a model, or not all, or those of another incident.
    source_reason: str = ""
    model: str | None = None
    cost_usd: float = 0.0
    tokens: int = 0
    analyzed_at_s: float | None = None
    latency_ms: float | None = None
    signature: str = ""
    #: The incident's, when this looked at it.
    severity: Severity | None = None


def public_analysis(analysis: Analysis) -> dict[str, Any]:
    """JSON form of HTTP answers, Redis and `analysis.completed`."""
    skip = {"analyzed_at_s", "evidence", "ranking", "actions", "signature", "severity"}
    plain = {
        name: getattr(analysis, name) for name in analysis.__struct_fields__ if name not in skip
    }
    for name in ("evidence", "ranking", "actions"):
        plain[name] = to_builtins(getattr(analysis, name))
    done = analysis.analyzed_at_s
    plain["analyzed_at"] = None if done is None else format_time(done)
    return plain

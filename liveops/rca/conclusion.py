"""From an investigation, and perhaps a model's verified words, to the finished texts."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import replace

from liveops.rca import fallback
from liveops.rca.actions import action, fault_of, stated
from liveops.rca.calibration import NONE
from liveops.rca.claims import Claim, Proposal, Reply, Verified, verify
from liveops.rca.investigation import Investigation
from liveops.rca.verdict import INCONCLUSIVE_CEILING, close, confidence, in_words, reasons
from schema.analysis import Action, Analysis, FaultKind
from schema.incidents import Incident
from schema.times import format_time

#: A model that blames somebody whom the evidence does not bear out costs this share of the
#: confidence: it may tell close candidates apart, and overturn no ranking.
_STRANGER = 0.5


def signature(incident: Incident, found: Investigation) -> str:
    """What the incident looks like; the same one may reuse a model's words.

    Empty for incidents without detections: free text alone is never the same.
    """
    if not incident.detections:
        return ""
    seen = sorted({(d.service_name, d.metric_type, d.detector) for d in incident.detections})
    first = found.candidates[0].service_name if found.candidates else ""
    text = repr((seen, sorted(incident.affected_services), first, found.verdict))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def pending(analysis_id: str, incident: Incident, found: Investigation) -> Analysis:
    """What can be said at once: ranking, evidence, verdict."""
    named = found.verdict == "cause_found"
    analysis = Analysis(
        id=analysis_id,
        incident_id=incident.id,
        status="pending",
        root_cause_service=found.candidates[0].service_name if named else None,
        impacted_services=fallback.impacted(incident, found),
        evidence=found.facts,
        ranking=found.ranking,
        verdict=found.verdict,
        signature=signature(incident, found),
        severity=incident.severity,
    )
    _be_sure(analysis, found, found.confidence, reasons(found.candidates))
    return analysis


def _be_sure(analysis: Analysis, found: Investigation, raw: float, told: list[str]) -> None:
    """Say how sure it is: as verdicts on earlier ones have it, where there are enough."""
    known = found.calibrations.get(analysis.source, NONE)
    named = analysis.verdict == "cause_found"
    analysis.confidence_raw = raw
    analysis.confidence = known.of(raw) if named else raw
    words = [known.in_words()] if named else []
    analysis.confidence_text = in_words(analysis.confidence, [*told, *words])


def by_code(analysis_id: str, incident: Incident, found: Investigation) -> Analysis:
    """The finished analysis without a model."""
    texts = fallback.write(incident, found)
    analysis = pending(analysis_id, incident, found)
    analysis.status = "completed"
    analysis.root_cause = texts.root_cause
    analysis.technical_summary = texts.for_engineers()
    analysis.executive_summary = texts.for_managers()
    _put_actions(analysis, texts.actions)
    return analysis


def by_model(
    analysis_id: str,
    incident: Incident,
    found: Investigation,
    reply: Reply,
    known_services: Iterable[str],
) -> Analysis:
    """The finished analysis in the model's words, as far as they can be verified.

    Parts of which nothing is left are taken from the fallback. The model's cause is taken
    where it is close to the first candidate and its claim about it holds.
    """
    names = [candidate.service_name for candidate in found.candidates]
    services = {*known_services, *names, *incident.affected_services, incident.service_name}
    verified = verify(reply, found.facts, close(found.candidates), services)
    if reply.root_cause_service is None:
        found = replace(found, verdict="inconclusive")
    analysis = by_code(analysis_id, incident, found)
    analysis.source = "llm"
    _put_words(analysis, incident, found, verified)
    raw = confidence(found.candidates, analysis.root_cause_service, verified.share)
    if found.verdict == "inconclusive":
        raw = min(raw, INCONCLUSIVE_CEILING)
    elif reply.root_cause_service != analysis.root_cause_service:
        raw = round(raw * _STRANGER, 3)
    _be_sure(analysis, found, raw, _agreement(found, analysis, verified.share))
    affected = set(analysis.impacted_services) | {
        *incident.affected_services,
        incident.service_name,
    }
    analysis.impacted_services = sorted(affected - {analysis.root_cause_service})
    return analysis


def _put_words(
    analysis: Analysis, incident: Incident, found: Investigation, verified: Verified
) -> None:
    """What is left of a model's words, in the frame of the code's."""
    named, claim = verified.root_cause_service, verified.root_cause
    if found.verdict == "cause_found" and named is not None and claim is not None:
        found = _led_by(found, named)
        analysis.root_cause_service, analysis.root_cause = named, _cited(claim)
    texts = fallback.write(incident, found)
    analysis.technical_summary = texts.for_engineers(_said(verified.technical))
    analysis.executive_summary = texts.for_managers(_said(verified.executive))
    cause = next(iter(found.candidates), None)
    proposed = [_action(fault_of(cause), one) for one in verified.actions]
    _put_actions(analysis, proposed or texts.actions)


def _led_by(found: Investigation, service: str) -> Investigation:
    """The same with this candidate first, so that what the code writes is about it."""
    ordered = sorted(found.candidates, key=lambda one: one.service_name != service)
    return replace(found, candidates=tuple(ordered))


def by_precedent(
    analysis_id: str, incident: Incident, found: Investigation, there: Analysis
) -> Analysis:
    """The finished analysis after a model's conclusion on an incident that looked the same.

    Facts, ranking and figures are this incident's own; taken over is whom the model named,
    where this ranking has it, and its words as a quotation that says whose they are.
    """
    analysis = by_code(analysis_id, incident, found)
    analysis.source, analysis.model = "llm", there.model
    when = format_time(there.analyzed_at_s or 0.0)
    analysis.source_reason = (
        f"incident {there.incident_id} looked the same; reused is what its analysis of {when} named"
    )
    named, raw = there.root_cause_service, found.confidence
    if found.verdict == "cause_found" and named is not None and named in close(found.candidates):
        texts = fallback.write(incident, _led_by(found, named))
        analysis.root_cause_service, analysis.root_cause = named, texts.root_cause
        analysis.technical_summary = texts.for_engineers()
        analysis.executive_summary = texts.for_managers()
        _put_actions(analysis, texts.actions)
        raw = confidence(found.candidates, named)
        affected = {*analysis.impacted_services, *incident.affected_services}
        analysis.impacted_services = sorted(affected - {named})
    said = _without_citations(there.root_cause)
    if said:
        analysis.technical_summary += (
            f' Incident {there.incident_id} looked the same; its analysis of {when} says: "{said}"'
        )
    _be_sure(analysis, found, raw, _agreement(found, analysis, 1.0))
    return analysis


def _agreement(found: Investigation, analysis: Analysis, share: float) -> list[str]:
    """The reasons of the ranking, with what became of a model's words."""
    first = found.candidates[0].service_name if found.candidates else None
    told = reasons(found.candidates)
    if analysis.root_cause_service not in (None, first):
        told = ["the language model names another candidate than the ranking"]
    if share < 1:
        told.append(f"{share:.0%} of the language model's claims could be verified")
    return told


def _without_citations(text: str) -> str:
    """Evidence ids of another incident mean nothing here."""
    return re.sub(r"\s*(\[E\d+\])+", "", text).strip()


def _said(claims: Iterable[Claim]) -> str:
    return " ".join(f"{_cited(claim)}." for claim in claims)


def _action(kind: FaultKind, said: Proposal) -> Action:
    """A model's action, no safer than the code judges its words."""
    return action(kind, said.text, said.evidence, (said.risk, said.reversible))


def _put_actions(analysis: Analysis, actions: list[Action]) -> None:
    analysis.actions = actions
    analysis.suggested_actions = [stated(one) for one in actions]


def _cited(claim: Claim) -> str:
    return f"{claim.text.strip().rstrip('.')} " + "".join(f"[{name}]" for name in claim.evidence)

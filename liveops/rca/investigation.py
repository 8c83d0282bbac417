"""The deterministic part of an analysis, whole: samples and graph in, findings out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from liveops.incidents.sentences import limit_of
from liveops.rca import evidence as facts
from liveops.rca.calibration import Calibration
from liveops.rca.callgraph import CallGraph
from liveops.rca.changes import Change, changed_lately
from liveops.rca.context import Context
from liveops.rca.deviation import MAX_STRENGTH, ONSET_STRENGTH, Deviation, deviations
from liveops.rca.kinds import meaning
from liveops.rca.ranking import UNKNOWN, Candidate, Symptom, rank
from liveops.rca.series import Sample
from liveops.rca.verdict import confidence, verdict
from schema.analysis import Evidence, RankedCause, Source, Verdict
from schema.incidents import Detection, Incident

#: Bounds of a detector are taken as this many sigmas on either side.
_BOUND_SIGMAS = 3.0
#: Strength of a detection that says nothing of its bounds.
_PLAIN_STRENGTH = 4 * ONSET_STRENGTH
_MINUTE_S = 60.0


@dataclass(frozen=True, slots=True)
class Investigation:
    """What is known without a model."""

    candidates: tuple[Candidate, ...]
    evidence: tuple[Evidence, ...]
    verdict: Verdict
    confidence: float
    context: Context = field(default_factory=Context)
    #: What people said of earlier analyses, by source.
    calibrations: Mapping[Source, Calibration] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def facts(self) -> list[Evidence]:
        """All that claims may cite: the evidence, then its context."""
        return [*self.evidence, *self.context.facts]

    @property
    def ranking(self) -> list[RankedCause]:
        """Candidates in their public form, each with the evidence about it."""
        return [
            RankedCause(
                c.service_name,
                c.score,
                c.metric_type,
                facts.cited([*self.evidence, *self.context.confirmed], c.service_name),
            )
            for c in self.candidates
        ]


def starts_at_s(incident: Incident) -> float:
    """Start of the incident's first affected minute: earliest onset, else its detection."""
    onset = min((d.onset_s for d in incident.detections), default=incident.detected_at_s)
    return onset // _MINUTE_S * _MINUTE_S


def investigate(
    incident: Incident,
    samples: Iterable[Sample],
    edges: Iterable[tuple[str, str]],
    changes: Iterable[Change] = (),
) -> Investigation:
    """Rank the causes of an incident; deterministic, well under a second."""
    start_s = starts_at_s(incident)
    found = _merge(deviations(samples, start_s), incident.detections)
    changed = changed_lately(changes, start_s)
    return conclude(
        found, CallGraph(edges), _symptom(incident), incident.detections, _known(incident), changed
    )


def conclude(
    found: Sequence[Deviation],
    graph: CallGraph,
    symptom: Symptom = UNKNOWN,
    detections: Sequence[Detection] = (),
    services: Iterable[str] = (),
    changed: Mapping[str, Change] = MappingProxyType({}),
) -> Investigation:
    """From deviations and what is known beside them to ranking, evidence and verdict."""
    ranked = rank(found, graph, symptom, services, changed)
    evidence = facts.collect(ranked, graph, detections, changed, symptom.service_name)
    return Investigation(tuple(ranked), tuple(evidence), verdict(ranked), confidence(ranked))


def _known(incident: Incident) -> set[str]:
    return {incident.service_name, *incident.affected_services}


def _symptom(incident: Incident) -> Symptom:
    """The first detection; its metric only where all detections are of one kind."""
    first = min(incident.detections, key=lambda d: d.onset_s, default=None)
    if first is None:
        return Symptom(incident.service_name)
    kinds = {meaning(d.metric_type).kind for d in incident.detections if d.detector != "no_data"}
    alike = len(kinds) == 1 and first.detector != "no_data"
    return Symptom(first.service_name, first.metric_type if alike else None)


def _merge(measured: Sequence[Deviation], detections: Sequence[Detection]) -> list[Deviation]:
    """One deviation a series: the stronger of what was measured and what was detected."""
    merged = {(d.service_name, d.metric_type): d for d in measured}
    for detection in detections:
        key = (detection.service_name, detection.metric_type)
        known = merged.get(key)
        found = _from_detection(detection, known)
        if known is None or known.strength < found.strength or found.limit is not None:
            merged[key] = found
    return sorted(merged.values(), key=lambda d: (-d.strength, d.service_name, d.metric_type))


def _from_detection(detection: Detection, known: Deviation | None) -> Deviation:
    """A detection as deviation: detectors see open minutes that storage does not have yet.

    Of a broken limit, what is usual and how far that is comes from what was measured.
    """
    silent = detection.detector == "no_data" or detection.state == "no_data"
    absent = detection.detector == "no_data"
    limit = limit_of(detection)
    expected = None if absent else detection.expected
    spread, strength = _spread(detection), _PLAIN_STRENGTH
    if limit is not None and known is not None:
        expected, spread = known.expected, known.spread
        strength = max(strength, known.strength)
    elif expected is not None and spread > 0:
        distance = abs(detection.value - expected) / spread
        strength = min(MAX_STRENGTH, max(ONSET_STRENGTH, distance))
    return Deviation(
        detection.service_name,
        detection.metric_type,
        expected,
        spread,
        None if absent else detection.value,
        strength,
        rarity=0.0,
        onset_s=detection.onset_s,
        history=0,
        silent=silent,
        limit=limit,
        kind=meaning(detection.metric_type).kind,
        early=None if known is None else known.early,
        late=None if known is None else known.late,
    )


def _spread(detection: Detection) -> float:
    """One sigma as the detector's bounds have it; 0 where it says nothing of them."""
    if detection.expected is None or detection.lower is None or detection.upper is None:
        return 0.0
    return (detection.upper - detection.lower) / 2 / _BOUND_SIGMAS

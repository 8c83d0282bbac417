"""The ranking finds the origin, whatever it is called; quiet data names nobody."""

from __future__ import annotations

from liveops.rca.investigation import Investigation, investigate
from tests.unit.rca.stories import CHAIN, START_S, detection, during, history, incident

SLOW = {"front": 400.0, "mid": 600.0, "back": 900.0}


def slow_chain() -> Investigation:
    return investigate(incident(detection("front")), history() + during(SLOW), CHAIN)


def test_the_deepest_deviating_service_is_the_cause() -> None:
    found = slow_chain()
    assert found.candidates[0].service_name == "back"
    assert found.verdict == "cause_found"
    assert found.candidates[0].callers == ("front", "mid")


def test_a_quiet_service_is_no_candidate() -> None:
    assert "side" not in [c.service_name for c in slow_chain().candidates]


def test_quiet_data_is_inconclusive_and_has_low_confidence() -> None:
    found = investigate(incident(), history() + during({}), CHAIN)
    assert (found.verdict, found.candidates) == ("inconclusive", ())
    assert found.confidence == 0.0


def test_without_a_graph_the_earliest_strong_deviation_leads() -> None:
    samples = history() + during({"mid": 900, "back": 900}, {"mid": 2})
    found = investigate(incident(), samples, [])
    assert found.candidates[0].service_name == "back"


def test_a_service_that_stopped_reporting_is_a_deviation() -> None:
    samples = history() + [s for s in during({}) if s.service_name != "side"]
    found = investigate(incident(), samples, CHAIN)
    assert found.candidates[0].service_name == "side"
    assert found.evidence[0].kind == "silence"


def test_detections_alone_rank_when_storage_has_nothing_yet() -> None:
    found = investigate(incident(detection("front"), detection("back")), [], CHAIN)
    assert found.candidates[0].service_name == "back"


def test_a_single_stray_value_in_the_incident_is_no_departure() -> None:
    stray = [s for s in during({}) if s.service_name != "back" or s.at_s != START_S]
    stray += [s for s in during({"back": 5000.0}) if s.service_name == "back" and s.at_s == START_S]
    assert not investigate(incident(), history() + stray, CHAIN).candidates


def test_every_ranked_service_cites_evidence_that_exists() -> None:
    found = slow_chain()
    known = {item.id for item in found.evidence}
    for entry in found.ranking:
        assert entry.evidence
        assert set(entry.evidence) <= known

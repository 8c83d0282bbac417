"""The ranking finds the origin, whatever it is called; quiet data names nobody."""

from __future__ import annotations

from liveops.rca.actions import stated
from liveops.rca.changes import Change
from liveops.rca.fallback import write
from liveops.rca.investigation import Investigation, investigate
from liveops.rca.series import Sample
from tests.unit.rca.stories import CHAIN, START_S, detection, during, history, incident

SLOW = {"front": 400.0, "mid": 600.0, "back": 900.0}


def slow_chain() -> Investigation:
    return investigate(incident(detection("front")), history() + during(SLOW), CHAIN)


def test_the_deepest_deviating_service_is_the_cause() -> None:
    found = slow_chain()
    assert found.candidates[0].service_name == "back"
    assert found.verdict == "cause_found"
    assert found.candidates[0].callers == ("front", "mid")


def test_a_quiet_service_is_ranked_last_and_has_nothing_against_it() -> None:
    last = slow_chain().ranking[-1]
    assert (last.service_name, last.evidence) == ("side", [])
    assert last.score < 0.2


def test_quiet_data_is_inconclusive_and_has_low_confidence() -> None:
    found = investigate(incident(), history() + during({}), CHAIN)
    assert (found.verdict, found.evidence) == ("inconclusive", ())
    assert found.confidence < 0.2


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
    assert investigate(incident(), history() + stray, CHAIN).verdict == "inconclusive"


def test_every_deviating_service_cites_evidence_that_exists() -> None:
    found = slow_chain()
    known = {item.id for item in found.evidence}
    for entry in found.ranking:
        assert bool(entry.evidence) == (entry.service_name in SLOW)
        assert set(entry.evidence) <= known


def test_a_deploy_strengthens_what_there_is_and_is_told() -> None:
    story, samples = incident(detection("front")), history() + during(SLOW)
    shipped = [Change("mid", START_S - 300), Change("side", START_S - 60)]
    found = investigate(story, samples, CHAIN, shipped)
    weight = {c.service_name: c.weight for c in found.candidates}
    before = {c.service_name: c.weight for c in slow_chain().candidates}
    assert weight["mid"] > 1.2 * before["mid"]
    assert found.candidates[0].service_name == "back"
    told = [item for item in found.evidence if item.kind == "change"]
    assert [item.ref["service_name"] for item in told] == ["mid"]


def test_a_deploy_long_before_says_nothing() -> None:
    story, samples = incident(detection("front")), history() + during(SLOW)
    old = [Change("mid", START_S - 7200)]
    assert investigate(story, samples, CHAIN, old) == investigate(story, samples, CHAIN)


def test_who_shows_nothing_itself_is_told_on_by_its_neighbours() -> None:
    def level(name: str, metric: str, before: float, now: float) -> list[Sample]:
        past = [
            Sample(name, metric, START_S - 60 * i, before * (1 + i % 5 / 100)) for i in range(1, 41)
        ]
        return past + [Sample(name, metric, START_S + 60 * i, now) for i in range(4)]

    samples = level("front", "client_latency_ms", 20, 300) + level("front", "latency_ms", 60, 350)
    samples += level("mid", "latency_ms", 15, 15)
    found = investigate(incident(), samples, [("front", "mid")])
    assert found.candidates[0].service_name == "mid"
    told = [item for item in found.evidence if item.kind == "waiting"]
    assert [item.text for item in told] == [
        "front client_latency_ms has the median 300 ms, 20.4 ms before: it waits for what it calls,"
        " mid among it"
    ]
    assert told[0].id in found.ranking[0].evidence
    texts = write(incident(), found)
    assert texts.cause.startswith("The most likely cause is mid, which is reached more slowly")
    assert [stated(one) for one in texts.actions] == [
        f"Check the network between front and mid [{told[0].id}]."
    ]

    samples = level("mid", "requests", 100, 100) + level("back", "requests", 100, 10)
    samples += level("front", "requests", 100, 100)
    found = investigate(incident(), samples, CHAIN)
    assert found.candidates[0].service_name == "mid"
    told = [item for item in found.evidence if item.kind == "fewer calls"]
    assert [item.text.split(",")[0] for item in told] == ["back requests has the median 10"]

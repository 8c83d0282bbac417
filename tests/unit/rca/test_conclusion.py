"""The fallback cites evidence in every sentence of fact; a model's words are weighed."""

from __future__ import annotations

import re

import pytest

from liveops.rca.claims import Claim, Proposal, Reply
from liveops.rca.conclusion import by_code, by_model, by_precedent, signature
from liveops.rca.evidence import services_of
from liveops.rca.investigation import investigate
from schema.analysis import Analysis
from tests.unit.rca.stories import CHAIN, detection, during, history, incident

STORY = incident(detection("front"))
FOUND = investigate(STORY, history() + during({"front": 400, "mid": 600, "back": 900}), CHAIN)
CITED = re.compile(r"\[(E\d+)\]")


def test_the_fallback_cites_evidence_that_exists_in_every_sentence() -> None:
    got = by_code("a", STORY, FOUND)
    known = {item.id for item in FOUND.evidence}
    for sentence in re.split(r"(?<=\.)\s+(?=[A-Za-z])", got.technical_summary):
        assert CITED.search(sentence), sentence
    for action in got.suggested_actions:
        assert CITED.search(action), action
    everything = got.technical_summary + got.executive_summary + " ".join(got.suggested_actions)
    assert set(CITED.findall(everything)) <= known


def test_inconclusive_names_no_cause() -> None:
    quiet = investigate(incident(), history() + during({}), CHAIN)
    got = by_code("a", incident(), quiet)
    assert (got.root_cause_service, got.root_cause, got.verdict) == (None, "", "inconclusive")
    assert got.executive_summary


def words(service: str | None) -> Reply:
    claim = Claim(f"{FOUND.candidates[0].service_name} is slow", (FOUND.evidence[0].id,))
    return Reply(service, claim, (claim,), (claim,), (Proposal("Look at back", claim.evidence),))


def test_a_faithful_model_keeps_the_computed_confidence() -> None:
    got = by_model("a", STORY, FOUND, words("back"), ())
    assert got.confidence == FOUND.confidence
    said = f"back is slow [{FOUND.evidence[0].id}]."
    assert got.technical_summary.startswith(f"{said} In order of time: ")
    assert f" {said} " in got.executive_summary


def test_a_model_may_find_the_data_inconclusive() -> None:
    got = by_model("a", STORY, FOUND, words(None), ())
    assert (got.verdict, got.root_cause_service, got.root_cause) == ("inconclusive", None, "")
    assert got.confidence <= 0.3
    empty = by_model("a", STORY, FOUND, Reply(None, None, (), (), ()), ())
    assert "The most likely cause" not in empty.executive_summary
    assert "does not single out a cause" in empty.technical_summary


TWO = investigate(STORY, history() + during({"front": 400, "mid": 700, "side": 800}), CHAIN)


def blamed(service: str, about: str) -> Analysis:
    """A model names a service, with a claim about one of the two that are close."""
    cited = next(e.id for e in TWO.evidence if about in services_of(e))
    claim = Claim(f"{about} is slow", (cited,))
    said = Reply(service, claim, (claim,), (claim,), (Proposal(f"Look at {about}", (cited,)),))
    return by_model("a", STORY, TWO, said, ())


def test_a_model_may_choose_among_close_candidates_at_the_cost_of_confidence() -> None:
    assert [c.service_name for c in TWO.candidates[:2]] == ["side", "mid"]
    got = blamed("mid", "mid")
    assert (got.root_cause_service, got.root_cause[:11]) == ("mid", "mid is slow")
    assert "mid" not in got.impacted_services
    assert got.confidence < TWO.confidence
    assert "names another candidate" in got.confidence_text
    # What the code writes is about the chosen one as well.
    claim = Claim("mid is slow", (next(e.id for e in TWO.evidence if "mid" in services_of(e)),))
    alone = by_model("a", STORY, TWO, Reply("mid", claim, (), (), ()), ())
    assert "The most likely cause is mid" in alone.executive_summary
    assert "The most likely origin is mid" in alone.technical_summary
    assert all("side" not in one.text for one in alone.actions)
    assert alone.actions


@pytest.mark.parametrize(
    ("service", "about"), [("back", "side"), ("front", "front"), ("mid", "side")]
)
def test_a_model_overturns_no_ranking_and_needs_evidence_about_whom_it_names(
    service: str, about: str
) -> None:
    got = blamed(service, about)
    assert (got.root_cause_service, got.verdict) == ("side", "cause_found")
    assert got.root_cause.startswith("side: ")
    assert got.confidence <= TWO.confidence / 2


@pytest.mark.parametrize("source", ["title", "description"])
def test_the_signature_ignores_free_text(source: str) -> None:
    assert signature(incident(detection("front"), **{source: "other"}), FOUND) == signature(
        STORY, FOUND
    )


def test_incidents_without_detections_have_no_signature() -> None:
    assert signature(incident(), FOUND) == ""


def test_a_precedent_lends_its_conclusion_and_no_facts() -> None:
    other = incident(detection("front"), id="7d0ad6d2-7d5c-4d53-8f3c-94f0f0e3a002")
    there = by_code("b", other, TWO)
    there.source, there.root_cause_service = "llm", "mid"
    there.root_cause, there.analyzed_at_s = "mid lost its cache [E9][E2]", 1_700_000_000.0
    there.evidence, there.ranking, there.cost_usd, there.tokens = [], [], 1.0, 900
    got = by_precedent("a", STORY, TWO, there)
    assert (got.id, got.incident_id, got.root_cause_service) == ("a", STORY.id, "mid")
    assert (got.source, got.cost_usd, got.tokens) == ("llm", 0.0, 0)
    assert got.evidence == list(TWO.evidence)
    assert got.ranking == TWO.ranking
    assert f"Incident {other.id} looked the same" in got.technical_summary
    assert got.technical_summary.endswith('says: "mid lost its cache"')
    assert got.technical_summary.startswith("The most likely origin is mid")
    assert got.root_cause.startswith("mid: ")
    assert "mid" not in got.impacted_services
    assert set(CITED.findall(got.technical_summary)) <= {item.id for item in TWO.evidence}


def test_a_precedent_of_a_stranger_names_nobody_here() -> None:
    there = by_code("b", STORY, FOUND)
    for stranger in ("elsewhere", "mid"):
        there.root_cause_service = stranger
        assert by_precedent("a", STORY, FOUND, there).root_cause_service == "back"

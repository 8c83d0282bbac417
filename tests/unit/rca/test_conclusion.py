"""The fallback cites evidence in every sentence of fact; a model's words are weighed."""

from __future__ import annotations

import re

import pytest

from liveops.rca.claims import Claim, Reply
from liveops.rca.conclusion import by_code, by_model, signature
from liveops.rca.investigation import investigate
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
    return Reply(service, claim, (claim,), (claim,), (claim,))


def test_a_faithful_model_keeps_the_computed_confidence() -> None:
    got = by_model("a", STORY, FOUND, words("back"), ())
    assert got.confidence == FOUND.confidence
    assert got.technical_summary == f"back is slow [{FOUND.evidence[0].id}]"


def test_a_model_may_find_the_data_inconclusive() -> None:
    got = by_model("a", STORY, FOUND, words(None), ())
    assert (got.verdict, got.root_cause_service) == ("inconclusive", None)
    assert got.confidence <= 0.3


def test_blaming_a_later_candidate_lowers_the_confidence() -> None:
    other = FOUND.candidates[1].service_name
    assert by_model("a", STORY, FOUND, words(other), ()).confidence < FOUND.confidence


@pytest.mark.parametrize("source", ["title", "description"])
def test_the_signature_ignores_free_text(source: str) -> None:
    assert signature(incident(detection("front"), **{source: "other"}), FOUND) == signature(
        STORY, FOUND
    )


def test_incidents_without_detections_have_no_signature() -> None:
    assert signature(incident(), FOUND) == ""

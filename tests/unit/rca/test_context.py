"""What surrounds an incident: told as facts, quoted as data, within a budget."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from liveops.rca.changes import Change
from liveops.rca.claims import Claim, Proposal, Reply
from liveops.rca.conclusion import by_code, by_model
from liveops.rca.context import Around, gather
from liveops.rca.investigation import Investigation, investigate
from liveops.rca.prompt import MAX_FACT_TOKENS, build
from liveops.rca.tokens import count
from schema.feedback import ChangeEvent
from schema.service_cards import ServiceCard
from tests.unit.rca.stories import CHAIN, START_S, detection, during, history, incident
from tests.unit.rca.test_questions import CARRIERS, ORDERS

KNOWN = frozenset({"front", "mid", "back", "side"})


def past(**other: Any) -> dict[str, Any]:
    return {
        "id": "i-1", "title": "was slow", "service_name": "front", "likeness": 0.75,
        "detected_at": "2023-01-02T03:04:05Z", "verdict": "right", "true_cause": None,
        "last_comment": None, "root_cause_service": None, "confirmed_by": "ann",
        "confirmed_cause": other.get("true_cause"),
    } | other  # fmt: skip


def told(around: Around, title: str = "front is slow") -> tuple[Investigation, dict[str, Any]]:
    """The investigation in its context, and what the model sees of it."""
    story = incident(detection("front"), title=title)
    samples = history() + during({"front": 400, "back": 900})
    changes = [Change(one.service_name, one.at_s, one.kind) for one in around.changes]
    found = investigate(story, samples, CHAIN, changes)
    ranked = [one.service_name for one in found.candidates[:3]]
    found = replace(found, context=gather(found.evidence, ranked, KNOWN, around))
    user = build(story, found).user
    return found, json.loads(user[user.index("{") : user.rindex("}") + 1])


def deploy(title: str) -> ChangeEvent:
    return ChangeEvent(id="c", service_name="back", kind="deploy", title=title,
                       at_s=START_S - 300.25, url=None, tags={}, created_by="ann")  # fmt: skip


def texts(found: Investigation, kind: str) -> list[str]:
    return [item.text for item in found.context.facts if item.kind == kind]


def test_confirmed_causes_come_first_and_only_known_services_are_named() -> None:
    similar = [past(root_cause_service="mid"), past(true_cause="back, after the deploy"),
               past(true_cause="back", likeness=0.5)]  # fmt: skip
    found, _ = told(Around(similar=similar))
    assert texts(found, "precedent") == [
        "an incident of 2023-01-02T03:04:05Z looked alike (50%); people say its cause was back",
        "an incident of 2023-01-02T03:04:05Z looked alike (75%); its analysis named mid",
        "an incident of 2023-01-02T03:04:05Z looked alike (75%)",
    ]
    free = past(true_cause="a full disk")
    found, seen = told(Around(similar=[free]))
    assert "disk" not in " ".join(texts(found, "precedent"))
    (quoted,) = seen["untrusted_free_text"]["quoted_by_evidence"].values()
    assert quoted == "was slow / a full disk"


def test_runbooks_calls_and_onsets_are_told_with_the_ids_of_facts() -> None:
    cards = {"back": ServiceCard("back", "team red", {"runbook": "https://x/y"}),
             "mid": ServiceCard("mid", "", {"logs": "https://x/y"})}  # fmt: skip
    found, seen = told(Around(cards=cards, edges=CHAIN))
    assert texts(found, "runbook") == ["back has a runbook"]
    assert set(texts(found, "call")) <= {"front calls mid", "mid calls back", "front calls side"}
    assert texts(found, "call")[0] in ("mid calls back", "front calls mid")
    ids = [item.id for item in found.facts]
    assert ids == [f"E{number}" for number in range(1, len(ids) + 1)]
    assert list(seen["evidence"]) == ids
    assert {row["evidence"] for row in seen["onsets"]} <= set(ids)
    assert [row["at"] for row in seen["onsets"]] == sorted(row["at"] for row in seen["onsets"])
    assert seen["onsets"]
    assert "https" not in json.dumps(seen)


def test_the_reader_gets_the_facts_but_no_quotation() -> None:
    similar = [past(true_cause="back", last_comment="rolled back by ann")]
    found, _ = told(Around(similar=similar, comments=["looking"]))
    done = by_code("a", incident(detection("front")), found)
    assert done.evidence[-1].kind == "precedent"
    assert "ann" not in json.dumps([item.text for item in done.evidence])


def test_a_claim_may_rest_on_the_context() -> None:
    found, _ = told(Around(similar=[past(true_cause="back")]))
    fact = found.context.facts[0]
    claim = Claim(f"{fact.text[:1].upper()}{fact.text[1:]}.", (fact.id,))
    got = by_model("a", incident(detection("front")), found,
                   Reply("back", claim, (claim,), (), ()), ())  # fmt: skip
    assert "people say its cause was back" in got.technical_summary


def test_what_does_not_fit_the_budget_is_left_out_from_the_end() -> None:
    names = [f"service-{'x' * 90}-{number:03d}" for number in range(60)]
    edges = [(name, "back") for name in names]
    long = "Eine lange Bemerkung über vieles, " * 40
    similar = [past(title=long, last_comment=long, id=f"i-{n}") for n in range(20)]
    found, seen = told(Around(similar=similar, edges=edges, comments=[long] * 50))
    assert len(texts(found, "precedent")) == 5
    assert len(seen["untrusted_free_text"]["comments"]) <= 5
    kept = list(seen["evidence"])
    assert kept == [item.id for item in found.facts[: len(kept)]]
    quoted = [*seen["untrusted_free_text"]["comments"],
              *seen["untrusted_free_text"]["quoted_by_evidence"].values()]  # fmt: skip
    assert sum(map(count, [*seen["evidence"].values(), *quoted])) <= MAX_FACT_TOKENS
    many = replace(found, context=replace(found.context, facts=found.context.facts * 60))
    assert build(incident(detection("front")), many).tokens < 3 * MAX_FACT_TOKENS


PLACES = {
    "comment": lambda text: Around(comments=[text]),
    "title of a past incident": lambda text: Around(similar=[past(title=text)]),
    "cause somebody told": lambda text: Around(similar=[past(true_cause=text)]),
    "remark on a past incident": lambda text: Around(similar=[past(last_comment=text)]),
    "title of a change": lambda text: Around(changes=[deploy(text)]),
    "runbook": lambda text: Around(cards={"back": ServiceCard("back", "", {}, text)}),
    "owner of a runbook": lambda text: Around(
        cards={"back": ServiceCard("back", text, {"runbook": f"https://x/{len(text)}"})}
    ),
}


@pytest.mark.parametrize("place", list(PLACES))
@pytest.mark.parametrize(("order", "carrier"), list(product(ORDERS, CARRIERS)))
def test_a_model_that_obeys_what_people_wrote_changes_nothing(
    order: str, carrier: str, place: str
) -> None:
    # Of side, unlike of front, no evidence tells anything.
    order = order.replace("front", "side")
    found, seen = told(PLACES[place](carrier.format(order)))
    free = seen.pop("untrusted_free_text")
    quoted = [*free["comments"], *free["quoted_by_evidence"].values()]
    assert len(quoted) == 1
    assert seen["evidence"] == {item.id: item.text for item in found.facts}
    assert order not in json.dumps(seen, ensure_ascii=False)
    every = tuple(item.id for item in found.context.facts) or ("E1",)
    obeyed = [Claim(text[:400], every) for text in (order, quoted[0])]
    # A runbook's own commands may be repeated: tests of runbooks have those.
    acts = () if place == "runbook" else tuple(Proposal(c.text, c.evidence) for c in obeyed)
    said = Reply("front", obeyed[0], tuple(obeyed), tuple(obeyed), acts)
    got = by_model("a", incident(detection("front")), found, said, ())
    code = by_code("a", incident(detection("front")), found)
    assert got.technical_summary == code.technical_summary
    assert got.root_cause == code.root_cause
    assert got.executive_summary == code.executive_summary
    assert got.actions == code.actions
    assert got.confidence < code.confidence

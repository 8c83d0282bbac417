"""Commands and links come from runbooks or not at all, word for word."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from liveops.rca import questions
from liveops.rca.actions import suggested
from liveops.rca.claims import Claim, Proposal, Reply
from liveops.rca.conclusion import by_code, by_model
from liveops.rca.context import Around, gather
from liveops.rca.investigation import Investigation, investigate
from liveops.rca.prompt import build
from liveops.rca.runbooks import without_known
from schema.analysis import Action
from schema.service_cards import MAX_RUNBOOK_CHARS, ServiceCard
from tests.unit.rca.stories import CHAIN, detection, during, history, incident

STORY = incident(detection("front"))
TEXT = """Ask team red first. Then:
1. `kubectl rollout restart deploy/back`
2. kubectl scale deploy/back --replicas=6
$ rm -rf /var/cache/back
See https://wiki.test/back?x=1. Never run `rm -rf /var/lib/back`.
"""


def with_runbook(text: str = TEXT, **links: str) -> Investigation:
    samples = history() + during({"front": 400, "mid": 600, "back": 900})
    found = investigate(STORY, samples, CHAIN)
    cards = {"back": ServiceCard("back", "", dict(links), text)}
    context = gather(found.evidence, ["back"], frozenset({"back"}), Around(cards=cards))
    return replace(found, context=context)


FOUND = with_runbook()
(RUNBOOK,) = [item for item in FOUND.facts if item.kind == "runbook"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Run `kubectl rollout restart deploy/back`", "Run …"),
        ("Run `kubectl  scale deploy/back --replicas=6`", "Run …"),
        ("Run `rm -rf /var/cache/back` on back", "Run … on back"),
        ("See https://wiki.test/back?x=1, then wait", "See …, then wait"),
        ("Run `rm -rf /`", None),
        ("Run `rm -rf /var`", None),
        ("Run `kubectl rollout restart deploy/back && reboot`", None),
        ("Run kubectl rollout restart deploy/back", None),
        ("See https://wiki.test/back", None),
        ("See https://wiki.test/back?x=1&y=2", None),
    ],
)
def test_only_what_the_runbook_has_whole_is_known(text: str, expected: str | None) -> None:
    assert without_known(text, TEXT) == (expected or text)
    assert without_known(text, "") == text


def act(text: str, *cited: str) -> list[Action]:
    claim = Claim("back is slow", ("E1",))
    said = Reply("back", claim, (claim,), (claim,), (Proposal(text, cited, "low", True),))
    return by_model("a", STORY, FOUND, said, ()).actions


@pytest.mark.parametrize(
    ("text", "risk", "reversible"),
    [
        ("Run `kubectl scale deploy/back --replicas=6`", "medium", True),
        ("Run `kubectl rollout restart deploy/back`", "medium", False),
        ("Run `rm -rf /var/cache/back` on back", "high", False),
    ],
)
def test_an_action_may_quote_the_runbook_it_cites(text: str, risk: str, reversible: bool) -> None:
    text = f"{text} to help back"
    (got,) = act(text, RUNBOOK.id)
    assert (got.text, got.risk, got.reversible) == (text, risk, reversible)
    # Without the citation it comes from nowhere.
    assert act(text, "E1") == by_code("a", STORY, FOUND).actions


@pytest.mark.parametrize(
    "text",
    ["Run `rm -rf /` on back", "Run kubectl delete pod back", "See https://evil.test for back",
     "Run `kubectl rollout restart deploy/back; reboot` for back"],
)  # fmt: skip
def test_what_the_runbook_does_not_have_is_no_action(text: str) -> None:
    assert act(text, RUNBOOK.id) == by_code("a", STORY, FOUND).actions


def test_without_a_model_the_runbook_is_suggested_as_risky_as_its_text() -> None:
    def follow(found: Investigation) -> Action:
        cause = found.candidates[0]
        (got,) = [a for a in suggested(cause, found.facts) if a.text.startswith("Follow")]
        return got

    assert follow(FOUND).risk == "high"
    assert follow(with_runbook("Look at the graphs")).risk == "medium"
    assert follow(with_runbook("Restart back")).reversible is False
    linked = follow(with_runbook("", runbook="https://x/y"))
    assert (linked.text, linked.risk, linked.reversible) == (
        "Follow the runbook of back", "medium", False,
    )  # fmt: skip
    assert linked.evidence == [RUNBOOK.id]


def test_the_model_reads_it_as_data_and_whole() -> None:
    long = "x " * (MAX_RUNBOOK_CHARS // 2 - 4) + "last"
    for masked, text in ((build(STORY, with_runbook(long)), long), (build(STORY, FOUND), TEXT)):
        facts = json.loads(masked.user[masked.user.index("{") : masked.user.rindex("}") + 1])
        (quoted,) = facts["untrusted_free_text"]["quoted_by_evidence"].values()
        assert quoted.strip().endswith(text.split()[-1])
        assert text.split()[0] in quoted
        assert facts["evidence"][RUNBOOK.id] == "back has a runbook"


def test_questions_are_answered_from_it_too() -> None:
    analysis = by_code("a", STORY, FOUND)
    prompt = questions.build(analysis, "What shall I do with back?")
    facts = json.loads(prompt.user[prompt.user.index("{") : prompt.user.rindex("}") + 1])
    assert "kubectl rollout restart" in facts["untrusted_runbooks"][RUNBOOK.id]
    good = Claim("For back run `kubectl rollout restart deploy/back`", (RUNBOOK.id,))
    bad = Claim("For back run `reboot`", (RUNBOOK.id,))
    reply = questions.checked([good, bad], analysis, {"back"})
    assert reply is not None
    assert reply.answer == good.text

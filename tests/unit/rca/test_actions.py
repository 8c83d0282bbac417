"""What could be done, by the kind of fault; how risky it is, whoever suggests it."""

from __future__ import annotations

import pytest

from liveops.rca.actions import action, fault_of, suggested
from liveops.rca.changes import Change
from liveops.rca.claims import Claim, Proposal, Reply
from liveops.rca.conclusion import by_code, by_model
from liveops.rca.investigation import Investigation, investigate
from liveops.rca.risk import has_command, is_action, judged, raised
from liveops.rca.series import Sample
from schema.analysis import RISKS, Risk
from schema.incidents import Incident
from tests.unit.rca.stories import CHAIN, START_S, detection, during, history, incident

SLOW = {"front": 400.0, "mid": 600.0, "back": 900.0}


def level(name: str, metric: str, before: float, now: float) -> list[Sample]:
    past = [
        Sample(name, metric, START_S - 60 * i, before * (1 + i % 5 / 100)) for i in range(1, 41)
    ]
    return past + [Sample(name, metric, START_S + 60 * i, now) for i in range(4)]


def found_in(*samples: list[Sample], changes: tuple[Change, ...] = ()) -> Investigation:
    return investigate(incident(), [s for part in samples for s in part], CHAIN, changes)


def slow(*changes: Change) -> Investigation:
    return investigate(incident(detection("front")), history() + during(SLOW), CHAIN, changes)


def silent() -> Investigation:
    return found_in(history(), [s for s in during({}) if s.service_name != "back"])


def loaded() -> Investigation:
    return found_in(*[level(name, "requests", 100, 900) for name in ("front", "mid", "back")])


DEPLOY = Change("back", START_S - 300)
AT = "2023-11-14T22:09:00Z"
SHIELD = "Shield mid from back (time-outs, fallbacks) until it is healthy"
COMPARE = "Compare what was changed at back with when its trouble began"
CASES = {
    "memory": (
        found_in(level("back", "memory_bytes", 1e8, 9e8)),
        [("Take a heap profile of back while it holds the memory", "low", True),
         ("Restart the instances of back one by one", "medium", False), (COMPARE, "low", True)],
    ),
    "errors": (
        found_in(level("mid", "error_count", 2, 80), level("back", "error_count", 2, 90),
                 changes=(DEPLOY,)),
        [(f"Roll back back to before its deploy of {AT}", "medium", True),
         ("Look at the failing requests in the logs of back", "low", True),
         (SHIELD, "medium", True)],
    ),
    "latency": (
        slow(),
        [("Look at what back itself waits for: locks, disks, connections", "low", True),
         (SHIELD, "medium", True), (COMPARE, "low", True)],
    ),
    "silence": (
        silent(),
        [("Check that back is up and can send its metrics", "low", True),
         ("Restart back if it is down", "medium", False)],
    ),
    "saturation": (
        found_in(level("back", "cpu_percent", 20, 95)),
        [("Find out which requests to back take most of it", "low", True),
         ("Add instances of back", "medium", True), (COMPARE, "low", True)],
    ),
    "load": (
        loaded(),
        [("Find out who sends front more than usual", "low", True),
         ("Limit the calls that front takes in", "medium", True),
         ("Add instances of front", "medium", True)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", list(CASES))
def test_each_kind_of_fault_has_its_actions(kind: str) -> None:
    found, expected = CASES[kind]
    assert fault_of(found.candidates[0]) == kind
    got = suggested(found.candidates[0], found.evidence)
    assert [(one.text, one.risk, one.reversible) for one in got] == expected
    known = {item.id for item in found.evidence}
    assert all(one.evidence and set(one.evidence) <= known for one in got)


def test_no_action_names_a_metric() -> None:
    for found, _ in CASES.values():
        metrics = {d.metric_type for c in found.candidates for d in c.deviations}
        told = " ".join(one.text for one in suggested(found.candidates[0], found.evidence))
        assert not any(metric in told.split() for metric in metrics)


def test_a_change_that_people_make_is_asked_about_not_undone() -> None:
    found = slow(Change("back", START_S - 300, "maintenance"))
    got = suggested(found.candidates[0], found.evidence)
    assert got[0].text == f"Ask whether the maintenance of back of {AT} is over"
    assert (got[0].kind, got[0].risk) == ("change", "low")


@pytest.mark.parametrize(
    ("text", "risk", "undoable"),
    [
        ("Look at the logs of back", "low", True),
        ("Compare recent changes of back", "low", True),
        ("Look at drop-box/worker and delete.me", "low", True),
        ("Do what is needed", "medium", True),
        ("Roll back the deploy", "medium", True),
        ("Look at it, then restart back", "medium", False),
        ("Scaling back up helps", "medium", True),
        ("Check whether to drop the index", "high", False),
        ("Deleted rows come back by themselves", "high", False),
        ("Ｄｅｌｅｔｅ the rows", "high", False),
        ("Fail over to the replica", "high", True),
        ("Shutting down the region", "high", True),
    ],
)
def test_verbs_have_their_risk(text: str, risk: Risk, undoable: bool) -> None:
    assert judged(text) == (risk, undoable)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (("low", True), ("medium", False)),
        ((None, None), ("medium", False)),
        (("high", False), ("high", False)),
    ],
)
def test_what_a_model_says_is_raised_never_lowered(
    said: tuple[Risk | None, bool | None], expected: tuple[Risk, bool]
) -> None:
    assert raised("Restart back", *said) == expected
    assert raised("Look at back", "high", False) == ("high", False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Roll back back", True), ("restart back", True), ("Look at back", True),
     ("Ｓｃａｌｅ back", True), ("Run the drill of back", True), ("back is at 3 ms", False),
     ("All is well with back", False), ("The restart of back failed", False)],
)  # fmt: skip
def test_only_what_is_to_be_done_is_an_action(text: str, expected: bool) -> None:
    assert is_action(text) is expected


def test_our_own_texts_are_judged_like_a_models() -> None:
    for found, _ in CASES.values():
        for one in suggested(found.candidates[0], found.evidence):
            least, undoable = judged(one.text)
            assert RISKS.index(one.risk) >= RISKS.index(least)
            assert undoable or not one.reversible
            assert not has_command(one.text)
            assert is_action(one.text)


def proposed(*actions: Proposal) -> tuple[Incident, Investigation, Reply]:
    found = slow()
    claim = Claim("back is slow", ("E1",))
    return incident(detection("front")), found, Reply("back", claim, (claim,), (claim,), actions)


def test_a_models_action_carries_the_risk_of_its_verb() -> None:
    story, found, said = proposed(Proposal("Restart back.", ("E1",), "low", True))
    got = by_model("a", story, found, said, ())
    assert got.actions == [action("latency", "Restart back", ["E1"], ("medium", False))]
    assert got.suggested_actions == ["Restart back [E1]."]


@pytest.mark.parametrize(
    "text",
    ["Run rm -rf / on back", "Open https://evil.example for back", "Restart front",
     "Restart `back`", "kubectl rollout undo deployment/back", "Send the dump to x@evil.example"],
)  # fmt: skip
def test_links_commands_and_strangers_are_no_actions(text: str) -> None:
    story, found, said = proposed(Proposal(text, ("E1",), "low", True))
    code = by_code("a", story, found)
    got = by_model("a", story, found, said, ())
    assert got.actions == code.actions
    assert got.confidence < code.confidence

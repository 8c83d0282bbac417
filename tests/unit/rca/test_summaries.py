"""Both readers get the same facts: engineers how and in which order, managers what it means."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from liveops.rca.changes import Change
from liveops.rca.claims import Claim, Reply, holds
from liveops.rca.conclusion import by_code, by_model
from liveops.rca.context import Around, gather
from liveops.rca.deviation import Deviation, deviations
from liveops.rca.fallback import affected
from liveops.rca.investigation import Investigation, investigate
from liveops.rca.series import Sample
from schema.analysis import Analysis, Evidence
from schema.incidents import Incident
from tests.unit.rca.stories import CHAIN, START_S, detection, during, history, incident
from tests.unit.rca.test_actions import CASES, level

SLOW = {"front": 400.0, "mid": 600.0, "back": 900.0}
STORY = incident(detection("front"))


def told(
    story: Incident = STORY, samples: list[Sample] | None = None, *changes: Change
) -> tuple[Investigation, Analysis]:
    """In its context, as the worker writes it."""
    found = investigate(story, history() + (samples or during(SLOW)), CHAIN, changes)
    around = Around(incident=story, affected=affected(story, found))
    found = replace(found, context=gather(found.evidence, [], frozenset(), around))
    return found, by_code("a", story, found)


def minutes(*values: float, service: str = "front") -> list[Sample]:
    return [
        Sample(service, "latency_ms", START_S + 60 * i, value) for i, value in enumerate(values)
    ]


def test_managers_hear_since_when_what_is_felt_how_many_the_trend_and_who_has_it() -> None:
    _, got = told()
    assert got.executive_summary == (
        "Since 2023-11-14T22:14:00Z those who use front wait about 9 times as long for answers as "
        "usual [E2][E1]. The most likely cause is back, which answers more slowly than usual "
        "[E1][E5][E6]. 3 services are affected [E10]. It stays as it is [E8]. Nobody had "
        "acknowledged the incident when this was written, and nobody is assigned [E11]."
    )


def test_engineers_read_the_mechanism_and_the_order_of_events() -> None:
    _, got = told(STORY, None, Change("back", START_S - 200))
    assert "back takes longer by itself [E1], with mid waiting for it [E6][E3]. " in (
        got.technical_summary
    )
    assert got.technical_summary.endswith(
        "In order of time: 2023-11-14T22:10:40Z back was changed [E4]; "
        "2023-11-14T22:14:00Z back left its past [E1]; 2023-11-14T22:14:00Z mid left its past "
        "[E3]; 2023-11-14T22:14:20Z front left its past [E2]."
    )


@pytest.mark.parametrize("kind", list(CASES))
def test_every_kind_of_fault_has_its_words_and_none_names_a_metric_to_managers(kind: str) -> None:
    found = CASES[kind][0]
    got = by_code("a", incident(), found)
    metrics = {d.metric_type for c in found.candidates for d in c.deviations if d.strength > 1}
    assert metrics
    words = set(re.findall(r"[\w]+", got.executive_summary))
    assert not {name for name in metrics if "_" in name} & words
    known = {item.id for item in found.facts}
    for text in (got.executive_summary, got.technical_summary):
        assert set(re.findall(r"\[(E\d+)\]", text)) <= known


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        (level("front", "error_count", 2, 90), "requests of those who use front fail more often"),
        (level("front", "requests", 100, 900), "front gets more requests than usual"),
        (level("front", "requests", 100, 2), "front gets fewer requests than usual"),
        (level("front", "latency_ms", 100, 130), "those who use front wait longer for answers"),
        (level("front", "cpu_percent", 20, 95), "front works unlike before"),
    ],
)
def test_what_users_feel_has_its_words(samples: list[Sample], words: str) -> None:
    found = investigate(incident(), samples, CHAIN)
    assert words in by_code("a", incident(), found).executive_summary


def test_what_is_felt_is_told_of_whom_it_is_noticed_at_or_of_another_affected_one() -> None:
    story = incident(detection("mid"), service_name="side", affected_services=["side", "mid"])
    found, got = told(story, during({"mid": 600.0, "back": 900.0}))
    assert "those who use mid wait" in got.executive_summary
    silent = [s for s in during({}) if s.service_name != "front"]
    found, got = told(incident(), silent)
    assert found.evidence[0].kind == "silence"
    assert "front sends no data" in got.executive_summary
    assert "What fell silent has not come back [E1]." in got.executive_summary


def test_who_only_calls_it_is_not_said_to_suffer() -> None:
    slow = level("back", "latency_ms", 100, 900) + level("mid", "latency_ms", 100, 20)
    found = investigate(incident(), slow, CHAIN)
    assert "mid calls back, and both deviate" in [item.text for item in found.evidence]
    text = by_code("a", incident(), found).technical_summary
    assert "back takes longer by itself [E1]. " in text
    assert "waiting for it" not in text


def test_what_got_better_is_neither_felt_nor_when_it_began() -> None:
    faster = level("front", "latency_ms", 100, 20)
    slow = [replace(s, at_s=s.at_s + 60) for s in level("back", "latency_ms", 100, 900)]
    slow = [s for s in slow if s.at_s != START_S] + [Sample("back", "latency_ms", START_S, 101)]
    found = investigate(incident(), faster + slow, CHAIN)
    assert {e.ref["service_name"] for e in found.evidence if e.kind == "metric"} == {
        "front",
        "back",
    }
    text = by_code("a", incident(), found).executive_summary
    assert text.startswith("Since 2023-11-14T22:15:00Z those who use back wait about 8.8 times")


@pytest.mark.parametrize(
    ("values", "trend", "words"),
    [
        ((200, 220, 600, 640), "worse", "It is getting worse [E"),
        ((640, 600, 220, 200), "easing", "It is easing [E"),
        ((640, 600, 620, 630), "steady", "It stays as it is [E"),
        ((200, 900, 900), None, "It is too early to say"),
    ],
)
def test_how_it_goes_on(values: tuple[float, ...], trend: str | None, words: str) -> None:
    others = [s for s in during({}) if s.service_name != "front"]
    found, got = told(incident(), others + minutes(*values))
    assert words in got.executive_summary
    assert [e.ref["trend"] for e in found.evidence if e.kind == "trend"] == [trend] * bool(trend)


def test_a_fall_that_goes_on_falling_gets_worse() -> None:
    low = level("front", "availability", 99.9, 90)
    low = [replace(s, value=97.0) if s.at_s in (START_S, START_S + 60) else s for s in low]
    (got,) = deviations(low, START_S)
    assert got.trend == "worse"


def test_a_silence_has_no_trend() -> None:
    stopped = Deviation("a", "m", 1.0, 0.1, 2.0, 12.0, 0.1, None, 9, silent=True, early=1, late=9)
    assert stopped.trend is None


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({}, "Nobody had acknowledged the incident when this was written, and nobody is assigned"),
        ({"assignee": "ann"}, "when this was written, and ann has it"),
        ({"assignee": "ann", "acknowledged_at_s": START_S + 60}, "acknowledged at 2023-"),
        ({"acknowledged_at_s": START_S, "resolved_at_s": START_S + 60}, "resolved at 2023-"),
        ({"assignee": "[x](http://evil)"}, "somebody has it"),
    ],
)  # fmt: skip
def test_who_has_it(state: dict[str, Any], words: str) -> None:
    _, got = told(incident(detection("front"), **state))
    assert words in got.executive_summary
    assert "evil" not in got.executive_summary


def test_a_models_words_stand_within_the_frame() -> None:
    found, code = told()
    claim = Claim("back is the bottleneck", ("E1",))
    got = by_model("a", STORY, found, Reply("back", claim, (claim,), (claim,), ()), ())
    assert got.executive_summary == code.executive_summary.replace(
        "The most likely cause is back, which answers more slowly than usual [E1][E5][E6].",
        "back is the bottleneck [E1].",
    )
    assert got.technical_summary.startswith("back is the bottleneck [E1]. In order of time: ")


EVIDENCE = [
    Evidence("E1", "back latency_ms is 900, 31 % above its usual 114, since 2026-05-04T12:34:56Z",
             "metric", {"service_name": "back", "metric_type": "latency_ms"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("back is slow since 12:34", True),
        ("back is slow since 12:34:56", True),
        ("back is slow since 2026-05-04T12:34:56Z", True),
        ("back is slow since 2026-05-04", True),
        ("back is slow since 2026-05-04T11:34:56Z", False),
        ("back is slow since 34:56", False),
        ("back is slow since 12:35", False),
        ("back answered 2026 requests", False),
        ("back is 31 % slower", True),
    ],
)
def test_times_are_those_of_the_evidence(text: str, expected: bool) -> None:
    by_id = {item.id: item for item in EVIDENCE}
    assert holds(Claim(text, ("E1",)), by_id, {"back"}) is expected


def test_a_claim_for_managers_names_no_metric() -> None:
    by_id = {item.id: item for item in EVIDENCE}
    claim = Claim("back latency_ms rose", ("E1",))
    assert holds(claim, by_id, {"back"})
    assert not holds(claim, by_id, {"back"}, plain=True)
    assert holds(Claim("back is slow", ("E1",)), by_id, {"back"}, plain=True)

"""What is told of which change, to whom and when."""

from __future__ import annotations

from typing import Any

import pytest

from liveops.notify.planning import GROUP_S, Event, Standing, Told, event_of, plan
from liveops.notify.receiver import Match, Receiver

NOW_S = 1_000_000.0
RECEIVER = Receiver("r", "r", "webhook", "https://example.com")
LATER = Receiver("r", "r", "webhook", "https://example.com", after_s=600.0)


def incident(**more: Any) -> dict[str, Any]:
    return {
        "severity": "high", "service_name": "a", "affected_services": ["a"], "status": "open",
        **more,
    }  # fmt: skip


def row(event: str, version: int = 1, state: str = "delivered", **more: Any) -> Told:
    values = {"tried": state != "waiting", "due_s": NOW_S, "done_s": NOW_S} | more
    return Told(f"d{version}", version, event, state, **values)


def standing(version: int = 2, **more: Any) -> Standing:
    values = {"status": "open", "severity": "low", "affected_services": ("a",), "assignee": None}
    return Standing(version, **(values | more))


PAIR = standing(1, affected_services=("b", "a"))


@pytest.mark.parametrize(
    ("before", "now", "event"),
    [
        (None, standing(1), "opened"),
        (None, standing(7), "changed"),
        (standing(1), standing(2), None),
        (standing(1), standing(2, severity="high"), "changed"),
        (standing(1), standing(2, assignee="kim"), "changed"),
        (standing(1), standing(2, affected_services=("a", "b")), "changed"),
        (
            standing(1, affected_services=("b", "a")),
            standing(2, affected_services=("a", "b")),
            None,
        ),
        (standing(1), standing(2, status="acknowledged"), "acknowledged"),
        (standing(1), standing(2, status="resolved", severity="high"), "resolved"),
        (standing(1, status="resolved"), standing(2), "reopened"),
        (standing(2), standing(2, severity="high"), None),
        (standing(3), standing(2, severity="high"), None),
    ],
)
def test_an_event_is_a_change_that_is_told(
    before: Standing | None, now: Standing, event: Event | None
) -> None:
    assert event_of(before, now) == event


def test_an_opening_is_due_at_once_or_when_nobody_acknowledged() -> None:
    for receiver, due_s in ((RECEIVER, NOW_S), (LATER, NOW_S + 600.0)):
        step = plan(receiver, "opened", incident(), [], NOW_S, urgent=True)
        assert (step.event, step.due_s) == ("opened", due_s)


@pytest.mark.parametrize("event", ["acknowledged", "resolved"])
def test_who_was_to_be_told_later_is_not_told_any_more(event: Event) -> None:
    opening = row("opened", state="waiting", due_s=NOW_S + 600.0)
    step = plan(LATER, event, incident(status=event), [opening], NOW_S, urgent=True)
    assert (step.event, step.superseded) == (None, ["d1"])


def test_an_opening_that_has_not_left_tells_how_things_stand_now() -> None:
    opening = row("opened", state="waiting", due_s=NOW_S + 600.0)
    step = plan(LATER, "changed", incident(), [opening], NOW_S, urgent=False)
    assert (step.event, step.due_s, step.superseded) == ("opened", NOW_S + 600.0, ["d1"])


def test_an_opening_that_may_have_left_stays() -> None:
    opening = row("opened", state="waiting", tried=True, done_s=None)
    step = plan(RECEIVER, "resolved", incident(status="resolved"), [opening], NOW_S, urgent=True)
    assert (step.event, step.superseded) == ("resolved", [])


@pytest.mark.parametrize("state", ["delivered", "failed"])
def test_an_end_needs_no_opening_that_was_delivered(state: str) -> None:
    rows = [row("opened", state=state)]
    step = plan(RECEIVER, "resolved", incident(status="resolved"), rows, NOW_S, urgent=True)
    assert (step.event, step.due_s) == ("resolved", NOW_S)


def test_who_was_never_told_hears_of_no_end_but_of_what_becomes_theirs() -> None:
    grave = Receiver("r", "r", "webhook", "u", Match(severities=("critical",)))
    for event in ("acknowledged", "resolved"):
        gone = incident(severity="critical", status=event)
        assert plan(grave, event, gone, [], NOW_S, urgent=True).event is None
    assert plan(grave, "changed", incident(), [], NOW_S, urgent=True).event is None
    step = plan(grave, "changed", incident(severity="critical"), [], NOW_S, urgent=True)
    assert step.event == "opened"


def test_further_services_are_grouped_each_time_longer_and_never_put_off() -> None:
    rows = [row("opened", done_s=NOW_S - 1)]
    step = plan(RECEIVER, "changed", incident(), rows, NOW_S, urgent=False)
    assert step.due_s == NOW_S - 1 + GROUP_S
    rows.append(row("changed", 2, "waiting", due_s=step.due_s, done_s=None))
    step = plan(RECEIVER, "changed", incident(), rows, NOW_S + 3, urgent=False)
    assert (step.due_s, step.superseded) == (NOW_S - 1 + GROUP_S, ["d2"])
    rows[-1] = row("changed", 2, done_s=NOW_S + 4)
    step = plan(RECEIVER, "changed", incident(), rows, NOW_S + 5, urgent=False)
    assert step.due_s == NOW_S + 4 + 2 * GROUP_S
    step = plan(RECEIVER, "changed", incident(severity="low"), rows, NOW_S + 5, urgent=True)
    assert step.due_s == NOW_S + 5


def test_a_life_that_is_over_is_over() -> None:
    rows = [row("opened"), row("resolved", 2)]
    assert (
        plan(RECEIVER, "changed", incident(status="resolved"), rows, NOW_S, urgent=True).event
        is None
    )
    assert plan(RECEIVER, "reopened", incident(), rows, NOW_S, urgent=True).event == "reopened"

"""Which receivers, and within which hours."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from liveops.notify.receiver import Hours, Match, Receiver
from liveops.notify.routing import due_s, next_within, wants

BERLIN = "Europe/Berlin"
OFFICE = Hours(9 * 60, 17 * 60, (1, 2, 3, 4, 5), BERLIN)
NIGHT = Hours(22 * 60, 6 * 60, (1, 2, 3, 4, 5, 6, 7), BERLIN)


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(BERLIN)).timestamp()


@pytest.mark.parametrize(
    ("hours", "now", "then"),
    [
        (OFFICE, "2026-03-27T10:00", "2026-03-27T10:00"),
        (OFFICE, "2026-03-27T08:59", "2026-03-27T09:00"),
        (OFFICE, "2026-03-27T17:00", "2026-03-30T09:00"),  # over a weekend in which clocks change
        (NIGHT, "2026-03-28T23:00", "2026-03-28T23:00"),
        (NIGHT, "2026-03-29T05:59", "2026-03-29T05:59"),
        (NIGHT, "2026-03-29T06:00", "2026-03-29T22:00"),
        (Hours(0, 24 * 60, (7,), BERLIN), "2026-03-28T12:00", "2026-03-29T00:00"),
        (Hours(0, 24 * 60, (7,), BERLIN), "2026-03-29T23:59", "2026-03-29T23:59"),
        (Hours(60, 120, (1,), BERLIN), "2026-03-30T02:00", "2026-04-06T01:00"),
    ],
)
def test_hours_are_those_of_the_zone(hours: Hours, now: str, then: str) -> None:
    assert next_within(hours, at(now)) == at(then)


def test_waiting_for_an_acknowledgement_comes_before_the_hours() -> None:
    receiver = Receiver("r", "r", "webhook", "u", Match(hours=OFFICE), after_s=3600.0)
    assert due_s(receiver, at("2026-03-27T16:30")) == at("2026-03-30T09:00")


@pytest.mark.parametrize(
    ("match", "found"),
    [
        (Match(), True),
        (Match("pay*"), True),
        (Match("cart"), True),
        (Match("Pay*"), False),
        (Match("*", ("low",)), False),
        (Match("*", ("low", "high")), True),
    ],
)
def test_service_and_severity_choose(match: Match, found: bool) -> None:
    incident = {"severity": "high", "service_name": "payment", "affected_services": ["cart"]}
    assert wants(Receiver("r", "r", "webhook", "u", match), incident) is found
    assert not wants(Receiver("r", "r", "webhook", "u", match, enabled=False), incident)

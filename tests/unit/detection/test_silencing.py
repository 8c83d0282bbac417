"""When silences hold and what they cover."""

from __future__ import annotations

from typing import Any

import pytest

from liveops.detection.silence_preview import Past, muted_of, tried
from liveops.detection.silencing import Muting
from schema.incidents import Detection
from schema.rules import Silence
from schema.times import parse_time_s


def silence(**more: Any) -> Silence:
    plain = {
        "id": "s", "starts_at": "2026-03-23T01:00:00Z", "ends_at": "2026-06-01T00:00:00Z",
        "reason": "", "created_by": "ada",
    }  # fmt: skip
    return Silence(**plain | more)


def holds(muting: Muting, time: str) -> bool:
    return muting.span_at(parse_time_s(time)) is not None


def test_a_recurring_silence_keeps_its_time_of_day_over_summer_time() -> None:
    weekly = Muting(silence(rrule="FREQ=WEEKLY;BYDAY=MO", duration_s=3600, zone="Europe/Berlin"))
    # 2 o'clock in Berlin: 01:00 UTC in winter, 00:00 UTC from 29 March.
    assert holds(weekly, "2026-03-23T01:30:00Z")
    assert not holds(weekly, "2026-03-23T02:00:00Z")
    assert holds(weekly, "2026-03-30T00:30:00Z")
    assert not holds(weekly, "2026-03-30T01:30:00Z")
    assert not holds(weekly, "2026-03-31T00:30:00Z")
    assert not holds(weekly, "2026-06-01T00:30:00Z")
    assert not holds(weekly, "2026-03-16T01:30:00Z")


def test_a_silence_that_does_not_recur_holds_until_its_end() -> None:
    once = Muting(silence())
    assert holds(once, "2026-03-23T01:00:00Z")
    assert not holds(once, "2026-06-01T00:00:00Z")


def test_tags_service_metric_and_severity_all_count() -> None:
    muting = Muting(silence(service="pay*", metric="m", severity="high", tags={"az": "1"}))
    tags = {"az": "1", "host": "a"}
    assert muting.covers("pay-1", "m", tags, "high")
    assert not muting.covers("cart", "m", tags, "high")
    assert not muting.covers("pay-1", "n", tags, "high")
    assert not muting.covers("pay-1", "m", {"az": "2"}, "high")
    assert not muting.covers("pay-1", "m", tags, "low")


@pytest.mark.parametrize(
    ("rrule", "zone"),
    [
        ("", None),
        ("every day", None),
        ("FREQ=SECONDLY", None),
        ("FREQ=DAILY;BYHOUR=1,2", None),
        ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=31", None),
        ("BYMONTHDAY=31;FREQ=DAILY", None),
        ("FREQ=DAILY;INTERVAL=x", None),
        ("FREQ=DAILY;INTERVAL=0;BYMONTH=2", None),
        ("FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=31", None),
        ("FREQ=DAILY", "Mars/Olympus"),
        ("FREQ=DAILY", "../etc/passwd"),
        ("FREQ=YEARLY;BYMONTH=12", None),
    ],
)
def test_rules_that_make_no_sense_are_refused(rrule: str, zone: str | None) -> None:
    with pytest.raises(ValueError, match=r"."):
        Muting(silence(rrule=rrule, duration_s=60, zone=zone))


def test_more_times_than_are_kept_are_refused() -> None:
    with pytest.raises(ValueError, match="over 2000"):
        Muting(silence(rrule="FREQ=DAILY", duration_s=60, ends_at="2036-01-01T00:00:00Z"))


def detection(onset: str, service: str = "pay") -> Detection:
    at_s = parse_time_s(onset)
    return Detection(
        id=onset, rule_id="r", detector="threshold", service_name=service, metric_type="m",
        tags={}, window="1m", severity="high", value=1.0, expected=None, lower=None, upper=None,
        score=1.0, reason="", at_s=at_s, onset_s=at_s, broker_time_s=at_s,
    )  # fmt: skip


def test_a_preview_tries_the_silence_on_what_was() -> None:
    night, day = detection("2026-03-17T01:30:00Z"), detection("2026-03-17T12:00:00Z")
    incidents = [Past("a", "", [night, day]), Past("b", "", [night]), Past("c", "", [day])]
    from_s, to_s = parse_time_s("2026-03-16T00:00:00Z"), parse_time_s("2026-03-23T00:00:00Z")
    daily = tried(silence(rrule="FREQ=DAILY;COUNT=3", duration_s=3600), from_s, to_s)
    found = muted_of(daily, incidents)
    assert [(one.past.id, one.muted, one.whole) for one in found] == [
        ("a", 1, False), ("b", 1, True),
    ]  # fmt: skip
    once = tried(silence(service="pay"), from_s, to_s)
    assert [one.muted for one in muted_of(once, incidents)] == [2, 1, 1]
    assert muted_of(tried(silence(service="cart"), from_s, to_s), incidents) == []

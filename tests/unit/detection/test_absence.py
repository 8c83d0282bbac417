"""Missing data: of services, of metrics of living ones, of the series that a rule chooses."""

from __future__ import annotations

from typing import Any

import pytest

from liveops.detection.absence import GIVEN_UP_AFTER_S, judge_absence
from liveops.detection.codec import decode_presence, decode_series, encode_presence, encode_series
from liveops.detection.defaults import DEFAULT_RULES
from liveops.detection.engine import observe
from liveops.detection.rulebook import RuleBook
from liveops.detection.state import ServiceDetectors, new_service
from schema.incidents import Detection
from schema.rules import Rule
from tests.aggregates import BEGIN_S, feed, rule, window

SILENT_METRIC = next(item for item in DEFAULT_RULES if item.scope == "metric")


class Service:
    """A service that reports some metrics every 5 s, and a look at it each second."""

    def __init__(self, *rules: Rule) -> None:
        self.state: ServiceDetectors = new_service("svc")
        self.book = RuleBook(rules, ())
        self.now_s = float(BEGIN_S)
        self.told: list[Detection] = []

    def report(self, seconds: int, *metrics: str, every_s: int = 5, **more: Any) -> Service:
        """Report for so long; closed minutes come when they are over."""
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            minute = int(self.now_s - BEGIN_S) // 60
            closes = int(self.now_s + every_s - BEGIN_S) // 60 > minute
            for metric in metrics:
                item = window(
                    minute, 1.0, metric_type=metric, final=closes,
                    broker_time_s=self.now_s, **more,
                )  # fmt: skip
                self.told += observe(self.state, [item], self.book, self.now_s).detections
            self.now_s += every_s
            self.look()
        return self

    def wait(self, seconds: int) -> Service:
        for _ in range(seconds):
            self.now_s += 1
            self.look()
        return self

    def look(self) -> None:
        outcome = judge_absence(self.state, self.now_s, self.book)
        assert outcome.changed <= self.state.series.keys()
        self.told += outcome.detections

    @property
    def said(self) -> list[tuple[str, str]]:
        return [(item.metric_type, item.state) for item in self.told]


def test_a_rule_on_a_heartbeat_fires_while_other_metrics_go_on() -> None:
    service = Service(rule("no_data", metric="heartbeat"))
    service.report(50, "heartbeat", "cpu").report(90, "cpu")
    assert service.said == [("heartbeat", "firing")]
    assert service.told[0].reason.startswith("no data for 61 s") or service.told[0].value > 60
    service.report(180, "heartbeat", "cpu")
    assert service.said == [("heartbeat", "firing"), ("heartbeat", "resolved")]


def test_a_metric_that_never_was_is_not_missed() -> None:
    assert Service(rule("no_data", metric="never")).report(900, "cpu").wait(600).said == []


def test_nine_samples_are_no_rhythm_yet() -> None:
    few = Service(rule("no_data", metric="heartbeat")).report(45, "heartbeat").report(200, "cpu")
    assert few.said == []


def test_only_the_chosen_series_is_missed() -> None:
    service = Service(rule("no_data", tags={"az": "a"}))
    service.report(60, "cpu", tags={"az": "a"}).report(60, "cpu", tags={"az": "b"})
    service.report(120, "cpu", tags={"az": "b"})
    assert [item.tags for item in service.told] == [{"az": "a"}]


def test_the_window_is_the_least_absence_that_means_something() -> None:
    service = Service(rule("no_data", metric="cpu", window="5m"))
    assert service.report(300, "cpu").report(290, "mem").said == []
    assert service.report(30, "mem").said == [("cpu", "firing")]


def test_a_metric_of_a_living_service_is_missed_by_default() -> None:
    service = Service(SILENT_METRIC).report(400, "cpu", "mem")
    assert service.report(90, "mem").said == [("cpu", "firing")]
    assert service.report(180, "cpu", "mem").said[1:] == [("cpu", "resolved")]
    assert service.state.presence.metric_alarms == {}


def test_a_pod_that_goes_is_no_missing_metric_while_others_send_it() -> None:
    service = Service(SILENT_METRIC)
    service.report(400, "cpu", tags={"pod": "a"})
    service.report(400, "cpu", tags={"pod": "b"})
    assert service.said == []


def test_a_service_that_fell_silent_is_one_matter_and_not_one_a_metric() -> None:
    service = Service(SILENT_METRIC, rule("no_data")).report(400, "cpu", "mem").wait(300)
    assert service.said == [("*", "firing")]


def test_a_job_that_runs_now_and_then_is_missed_once_at_most() -> None:
    service = Service(SILENT_METRIC)
    for _ in range(5):
        service.report(600, "job_progress", "cpu").report(3000, "cpu")
    assert [state for _, state in service.said] == ["firing", "resolved"]


@pytest.mark.parametrize("scope", ["service", "metric", "series"])
def test_a_rule_that_is_gone_ends_its_alarm_without_data(scope: Any) -> None:
    metric = "cpu" if scope == "series" else "*"
    service = Service(rule("no_data", scope=scope, metric=metric)).report(400, "cpu", "mem")
    service = service.wait(90) if scope == "service" else service.report(90, "mem")
    assert [state for _, state in service.said] == ["firing"]
    service.book = RuleBook((), ())
    service.wait(3)
    assert [state for _, state in service.said] == ["firing", "resolved"]
    assert "rule" in service.told[-1].reason


def test_a_rule_that_no_longer_chooses_a_silent_series_ends_its_alarm() -> None:
    state, book = new_service("svc"), RuleBook([rule("threshold")], ())
    feed(state, book, [500.0])
    elsewhere = RuleBook([rule("threshold", metric="other", version=2)], ())
    (ended,) = judge_absence(state, BEGIN_S + 61, elsewhere).detections
    assert (ended.state, ended.id) == ("resolved", state.series and ended.id)
    assert state.series["latency_ms"].alarms == {}


def test_a_series_without_data_for_a_day_begins_anew() -> None:
    book = RuleBook([rule("threshold")], ())
    service = Service(*book.rules.values())
    (first,) = feed(service.state, service.book, [500.0])
    service.now_s = BEGIN_S + 60.0 + 200
    service.report(60, "other")
    service.now_s += GIVEN_UP_AFTER_S
    service.report(10, "other")
    assert service.said == [("latency_ms", "no_data")]
    number = int(service.now_s - BEGIN_S) // 60 + 1
    (second,) = feed(service.state, service.book, [500.0], number)
    assert (second.state, second.id != first.id) == ("firing", True)


def test_what_is_known_of_absence_is_stored() -> None:
    service = Service(SILENT_METRIC).report(400, "cpu", "mem").report(90, "mem")
    state = service.state
    presence, _ = decode_presence(encode_presence(state.presence, {}))
    assert presence == state.presence
    assert "cpu" in presence.metric_alarms
    assert decode_series(encode_series(state.series["cpu"])) == state.series["cpu"]

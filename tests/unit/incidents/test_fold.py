"""Which detections make one incident, and what becomes of it."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from liveops.incidents.correlator import HOLD_AT_MOST_S
from liveops.incidents.fold import HOLD_S, STALE_S
from liveops.incidents.matching import GAP_S
from liveops.incidents.telling import REFRESH_S
from liveops.incidents.topology import Topology
from schema.incidents import Detection
from schema.rules import Edge
from tests.aggregates import BEGIN_S, detection
from tests.correlating import Correlating

#: shop calls cart and pay; both call nothing but db under cart.
CALLS = Topology(
    Edge(caller=a, callee=b) for a, b in (("shop", "cart"), ("shop", "pay"), ("cart", "db"))
)
NOW_S = float(BEGIN_S)


class Run(Correlating):
    """A correlator with a clock that follows the detections."""

    def __init__(self) -> None:
        super().__init__(CALLS)
        self.now_s = NOW_S

    def take(self, *found: Detection) -> Run:
        for item in found:
            self.now_s = max(self.now_s, item.at_s)
            self.fold(item, self.now_s)
        return self

    def wait(self, seconds: float) -> Run:
        self.now_s += seconds
        self.release(self.now_s)
        return self


def resolved(item: Detection) -> Detection:
    return replace(item, state="resolved", at_s=item.at_s + 300)


def test_a_leaf_opens_at_once_and_explains_itself() -> None:
    run = Run().take(detection("db"))
    (command,) = run.commands
    assert command.kind == "open"
    assert command.values["title"].startswith("db: latency_ms rose to 500, usually 100")
    assert command.values["fingerprint"] == "db|latency_ms"
    assert command.values["offsets"] == {"liveops.detections": {"3": [0, 0]}}
    assert "far above" in command.values["description"]


def test_a_caller_waits_for_a_deeper_cause() -> None:
    run = Run().take(detection("shop"))
    assert run.opened == []
    assert run.correlator.due_s == (NOW_S + 5 + HOLD_S, NOW_S + 5 + HOLD_AT_MOST_S)
    assert run.wait(HOLD_S).opened == ["shop"]


def test_a_fault_spreading_to_its_callers_is_one_incident_in_any_order() -> None:
    found = [detection("shop"), detection("cart"), detection("db")]
    for order in (found, found[::-1], [found[1], found[2], found[0]]):
        run = Run().take(*order).wait(HOLD_S)
        assert run.opened in (["db"], ["cart"])
        last = run.commands[-1].values
        assert last["service_name"] == "db"
        assert last["affected_services"] == ["cart", "db", "shop"]
        assert len(run.groups) == 1


def test_two_faults_below_one_caller_stay_two() -> None:
    run = Run().take(detection("db"), detection("shop"), detection("pay")).wait(HOLD_S)
    assert sorted(run.opened) == ["db", "pay"]
    assert len(run.groups) == 2


def test_strangers_stay_apart_and_the_same_service_stays_together() -> None:
    run = Run().take(detection("x"), detection("y"), detection("x", metric_type="cpu"))
    assert run.opened == ["x", "y"]


def test_trouble_of_a_caller_long_after_is_its_own() -> None:
    run = Run().take(detection("db"), detection("shop", BEGIN_S + 600)).wait(HOLD_S)
    assert sorted(run.opened) == ["db", "shop"]


def test_the_incident_resolves_with_its_last_detection_and_reopens_within_the_gap() -> None:
    first, other = detection("x"), detection("x", metric_type="cpu")
    run = Run().take(first, other, resolved(first))
    assert [c.status for c in run.commands] == [None, None, None]
    run.take(resolved(other))
    run.wait(60).take(detection("x", BEGIN_S + 600))
    assert [c.status for c in run.commands[-2:]] == ["resolved", "open"]
    assert run.opened == ["x"]


def test_after_the_gap_a_new_excursion_is_a_new_incident() -> None:
    first = detection("x")
    run = Run().take(first, resolved(first)).wait(GAP_S + 1)
    assert run.groups == {}
    run.take(detection("x", BEGIN_S + 900))
    assert run.opened == ["x", "x"]


def test_another_metric_of_a_recovered_service_is_a_new_incident() -> None:
    first = detection("x")
    run = (
        Run()
        .take(first, resolved(first))
        .take(detection("x", BEGIN_S + 360, metric_type="memory_mb"))
    )
    assert run.opened == ["x", "x"]


def test_silence_makes_it_stale_and_never_resolves() -> None:
    first = detection("x")
    run = Run().take(first, replace(first, state="no_data"))
    assert (run.commands[-1].values["stale"], run.commands[-1].status) == (True, None)
    run.wait(10 * GAP_S).take(replace(first, state="firing", at_s=first.at_s + 5))
    assert run.commands[-1].values["stale"] is False


def test_what_a_person_resolved_stays_resolved_for_the_same_excursion() -> None:
    first = detection("x")
    run = Run().take(first)
    run.heed(*run.current)
    count = len(run.commands)
    run.take(replace(first, score=99.0), resolved(first))
    assert len(run.commands) == count
    run.take(detection("x", BEGIN_S + 60))
    assert run.opened == ["x", "x"]


def test_a_repeated_detection_changes_nothing() -> None:
    run = Run().take(detection("x"))
    before = dict(run.groups)
    run.take(detection("x"))
    assert len(run.commands) == 1
    assert run.groups == before


def test_severity_is_the_worst() -> None:
    run = Run().take(
        detection("x", severity="low"), detection("x", BEGIN_S + 1, severity="critical")
    )
    assert run.commands[-1].values["severity"] == "critical"


def test_stored_groups_are_the_same_groups() -> None:
    run = Run().take(detection("db"), detection("shop"))
    before = dict(run.groups)
    run.restart()
    run.release(run.now_s)
    assert run.groups == before


def test_a_suffering_service_may_get_a_fault_of_its_own_later() -> None:
    run = Run().take(detection("db"), detection("cart")).wait(HOLD_S)
    later = replace(
        detection("cart", metric_type="error_rate"), onset_s=NOW_S + 180, at_s=NOW_S + 200
    )
    run.take(later).wait(HOLD_S)
    assert run.opened == ["db", "cart"]


def test_a_later_symptom_of_the_origin_is_the_same_incident() -> None:
    run = Run().take(detection("db"))
    later = replace(detection("db", metric_type="cpu"), onset_s=NOW_S + 180, at_s=NOW_S + 200)
    run.take(later).wait(HOLD_S)
    assert run.opened == ["db"]


def silent(service: str, **more: Any) -> Detection:
    return detection(service, detector="no_data", metric_type="*", expected=1.0, value=61.0, **more)


def test_all_services_silent_at_once_are_one_incident_about_the_feed() -> None:
    run = Run()
    run.feed_silent = True
    run.take(silent("shop"), silent("db")).wait(HOLD_S).take(silent("pay"))
    assert run.opened == ["liveops"]
    told = run.commands[-1].values
    assert told["affected_services"] == ["db", "pay", "shop"]
    assert told["title"] == "No metrics arrive: all 3 services are silent"
    run.feed_silent = False
    run.take(*(resolved(silent(name)) for name in ("shop", "db", "pay")))
    assert run.commands[-1].status == "resolved"


def test_services_silent_while_others_report_are_their_own_matter() -> None:
    run = Run().take(silent("x"), silent("y"))
    assert run.opened == ["x", "y"]


def test_another_fault_during_a_silent_feed_stays_out_of_it() -> None:
    run = Run()
    run.feed_silent = True
    run.take(silent("x"), detection("y"), silent("y")).wait(HOLD_S)
    assert sorted(run.opened) == ["liveops", "y"]
    run.feed_silent = False
    run.take(detection("x", BEGIN_S + 60))
    assert sorted(run.opened) == ["liveops", "x", "y"]


def test_a_group_without_data_for_a_day_ends_and_its_incident_stays_open() -> None:
    for first in (detection("x"), silent("x")):
        run = Run().take(first)
        if first.detector != "no_data":
            run.take(replace(first, state="no_data", at_s=first.at_s + 60))
        run.wait(STALE_S - 60)
        assert run.groups
        run.wait(180)
        assert run.groups == {}
        assert (run.commands[-1].values, run.commands[-1].status) == ({"stale": True}, None)
        run.take(detection("x", BEGIN_S + 30 * 86_400))
        assert len({c.incident_id for c in run.commands}) == 2


def test_a_fault_that_goes_on_for_days_stays_one_group() -> None:
    run = Run().take(detection("x")).wait(3 * STALE_S)
    assert len(run.groups) == 1
    assert run.correlator.due_s[0] == float("inf")


def test_what_is_reopened_after_a_dismissal_changes_again() -> None:
    first = detection("x")
    run = Run().take(first)
    run.heed(*run.current)
    run.take(replace(first, value=700.0, at_s=first.at_s + 60))
    assert len(run.commands) == 1
    run.heed()
    run.take(replace(first, value=800.0, at_s=first.at_s + 120), resolved(first))
    assert [c.status for c in run.commands[1:]] == [None, "resolved"]


def test_how_a_detection_stands_is_told_at_a_sane_pace() -> None:
    first = detection("x")
    run = Run().take(first)
    for second in range(1, 31):
        run.take(
            replace(first, value=500.0 + second, peak=500.0 + second, at_s=first.at_s + second)
        )
    assert len(run.commands) == 1 + 30 // int(REFRESH_S)
    assert run.commands[-1].values["title"] == "x: latency_ms rose to 530, usually 100"
    assert "at worst" not in run.commands[-1].values["description"]
    run.take(replace(first, value=510.0, peak=530.0, at_s=first.at_s + 60))
    assert "at worst 530, since 2" in run.commands[-1].values["description"]


def test_what_begins_long_after_all_was_within_its_bounds_begins_anew() -> None:
    first = detection("db")
    calm = replace(first, at_s=NOW_S + 120, value=100.0, peak=500.0)
    later_s = NOW_S + 180 + GAP_S
    new = detection("db", at_s=later_s, metric_type="errors", onset_s=later_s)
    run = Run().take(first, calm, new)
    assert run.opened == ["db", "db"]


def test_soon_out_again_is_the_same_incident() -> None:
    first = detection("db")
    calm = replace(first, at_s=NOW_S + 120, value=100.0, peak=500.0)
    run = Run().take(first, calm, replace(calm, at_s=NOW_S + 200, value=500.0))
    assert run.opened == ["db"]

"""What was heard when changes nothing: a backlog gives the incidents that live data gave."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from liveops.incidents.clock import PATIENCE_S, LeastWatermark
from liveops.incidents.correlator import HOLD_AT_MOST_S
from liveops.incidents.matching import GAP_S
from liveops.incidents.topology import Topology
from schema.incidents import Detection
from schema.rules import Edge
from tests.aggregates import BEGIN_S, detection
from tests.correlating import Correlating

#: front calls back; lone calls nothing. Each lives on a partition of its own.
CALLS = Topology([Edge(caller="front", callee="back")])
PARTITION = {"front": 0, "back": 1, "lone": 2}
Step = Detection | tuple[int, float]


def outage(service: str, at_s: float, lasts_s: float = 240) -> list[Detection]:
    fired = detection(service, at_s)
    return [fired, replace(fired, state="resolved", at_s=at_s + lasts_s)]


def logs() -> list[list[Step]]:
    """Two outages of all three services, 20 minutes apart, with a mark every 30 s."""
    found: list[list[Step]] = []
    for service, number in PARTITION.items():
        told = [d for minute in (0, 20) for d in outage(service, BEGIN_S + 60.0 * minute)]
        marks = [(number, BEGIN_S + 30.0 * n) for n in range(100)]
        steps: list[Step] = [*told, *marks]
        found.append(sorted(steps, key=lambda s: s[1] if isinstance(s, tuple) else s.at_s))
    return found


def correlate(steps: list[Step], *, per_s: float) -> list[set[str]]:
    """The incidents as sets of "service@minute", when so many steps come a second."""
    run = Correlating(CALLS)
    now_s = BEGIN_S + 1e6
    clock = LeastWatermark(3, now_s)
    for step in steps:
        now_s += 1 / per_s
        if isinstance(step, tuple):
            clock.mark(*step, now_s)
            run.release(clock.reached_s(now_s), now_s)
        else:
            run.fold(step, clock.reached_s(now_s), now_s)
    run.release(float(BEGIN_S + 10_000), now_s + 100)
    assert run.groups == {}
    last = {c.incident_id: c.values for c in run.commands if "detections" in c.values}
    merged = {c.incident_id for c in run.commands if c.note}
    return sorted(
        (
            {f"{d.service_name}@{(d.onset_s - BEGIN_S) / 60:.0f}" for d in values["detections"]}
            for name, values in last.items()
            if name not in merged
        ),
        key=sorted,
    )


EXPECTED = [{"back@0", "front@0"}, {"back@20", "front@20"}, {"lone@0"}, {"lone@20"}]


def test_live_two_outages_20_minutes_apart_are_two_incidents_each() -> None:
    live = sorted(
        (step for log in logs() for step in log),
        key=lambda s: s[1] if isinstance(s, tuple) else s.at_s,
    )
    assert correlate(live, per_s=0.15) == EXPECTED


@given(data=st.data(), per_s=st.sampled_from([20.0, 100_000.0]))
@settings(max_examples=60, deadline=None)
def test_and_so_they_are_after_a_backlog_however_the_partitions_race(
    data: st.DataObject, per_s: float
) -> None:
    waiting, steps = [log[:] for log in logs()], list[Step]()
    while any(waiting):
        racing = data.draw(st.sampled_from([n for n, log in enumerate(waiting) if log]))
        count = data.draw(st.sampled_from([1, 7, 50, 1000]))
        steps += waiting[racing][:count]
        del waiting[racing][:count]
    assert correlate(steps, per_s=per_s) == EXPECTED


def test_a_quiet_group_takes_in_what_began_within_the_gap_only() -> None:
    for after_s, count in ((GAP_S - 10, 1), (GAP_S + 10, 2)):
        run = Correlating(CALLS)
        first = outage("lone", BEGIN_S)
        again = detection("lone", first[1].at_s + after_s)
        for item in (*first, again):
            run.fold(item, 0.0)
        assert len(run.opened) == count


def test_a_service_whose_clock_is_behind_reopens_its_incident_all_the_same() -> None:
    run = Correlating(CALLS)
    for minute in (0, 8):
        for item in outage("lone", BEGIN_S + 60.0 * minute):
            run.fold(item, item.at_s + 3600)
    statuses = [c.status for c in run.commands]
    assert (run.opened, statuses[-2:]) == (["lone"], ["open", "resolved"])


def test_a_caller_is_told_of_in_time_also_when_a_partition_is_slow() -> None:
    run = Correlating(CALLS)
    run.fold(detection("front"), 0.0, 1000.0)
    assert run.release(0.0, 1000.0 + HOLD_AT_MOST_S - 0.1) == []
    (command,) = run.release(0.0, 1000.0 + HOLD_AT_MOST_S)
    assert command.kind == "open"


def test_a_cause_that_comes_after_that_takes_the_caller_in_all_the_same() -> None:
    run = Correlating(CALLS)
    run.fold(detection("front"), 0.0, 1000.0)
    run.release(0.0, 1000.0 + HOLD_AT_MOST_S)
    run.fold(detection("back"), 0.0, 1010.0)
    run.release(float(BEGIN_S + 60), 1011.0)
    assert list(run.told.values()) == [sorted(detection(name).id for name in ("front", "back"))]
    assert run.opened == ["front"]


def test_the_clock_is_the_least_watermark_and_never_goes_back() -> None:
    clock = LeastWatermark(2, 0.0)
    assert clock.reached_s(1.0) == 0.0
    clock.mark(0, 500.0, 1.0)
    assert clock.reached_s(1.0) == 0.0
    clock.mark(1, 300.0, 1.0)
    assert clock.reached_s(1.0) == 300.0
    clock.mark(1, 200.0, 2.0)
    assert clock.reached_s(2.0) == 300.0


def test_a_partition_without_a_mark_for_a_while_counts_no_longer() -> None:
    clock = LeastWatermark(3, 0.0)
    clock.mark(0, 500.0, 20.0)
    clock.mark(1, 300.0, 5.0)
    assert clock.reached_s(PATIENCE_S - 1) == 0.0
    assert clock.reached_s(PATIENCE_S) == 300.0
    assert clock.reached_s(5.0 + PATIENCE_S) == 500.0
    assert clock.reached_s(1000.0) == 1000.0, "no detector is left to wait for"

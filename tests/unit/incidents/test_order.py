"""Detections have their turn by event time, and what was told follows the groups."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from liveops.incidents.fold import HOLD_S
from liveops.incidents.order import MAX_WAITING
from liveops.incidents.topology import Topology
from schema.incidents import Detection
from schema.rules import Edge
from tests.aggregates import BEGIN_S, detection
from tests.correlating import Correlating

NOW_S = float(BEGIN_S)


def at(service: str, after_s: float, **more: Any) -> Detection:
    """A detection that began with the minute and was told so many seconds later."""
    return replace(detection(service, **more), at_s=NOW_S + after_s)


def test_what_waits_is_settled_after_the_hold_and_not_before() -> None:
    run = Correlating()
    run.fold_all([at("a", 10), at("b", 12)], NOW_S + 10)
    order = run.correlator.order
    assert (len(order.waiting), order.settled) == (2, {})
    run.release(NOW_S + 12 + HOLD_S)
    assert (len(order.waiting), len(order.settled)) == (1, 1)
    run.release(NOW_S + 12.1 + HOLD_S)
    assert (order.waiting, len(order.settled)) == ([], 2)


def test_a_late_one_has_its_turn_before_those_that_came_after_it() -> None:
    run = Correlating()
    newest = at("a", 11)
    run.fold(newest, NOW_S + 10)
    run.fold(replace(newest, state="resolved", at_s=NOW_S + 11.5), NOW_S + 10)
    run.fold(replace(newest, at_s=NOW_S + 10.5), NOW_S + 10)
    (group,) = run.groups.values()
    assert group.members[newest.id].state == "resolved"


def test_what_comes_after_its_time_is_settled_has_its_turn_then() -> None:
    run = Correlating()
    run.fold(at("a", 100), NOW_S + 100)
    run.release(NOW_S + 160)
    run.fold(at("b", 10), NOW_S + 160)
    assert [read.order_s for read in run.correlator.order.waiting] == [NOW_S + 160 - HOLD_S]
    assert run.opened == ["a", "b"]


def test_a_service_whose_clock_is_ahead_does_not_keep_others_from_being_settled() -> None:
    run = Correlating()
    run.fold_all([at("a", 10), at("ahead", 600)], NOW_S + 10)
    run.release(NOW_S + 60)
    order = run.correlator.order
    assert [read.detection.service_name for read in order.waiting] == ["ahead"]
    assert len(order.settled) == 1
    run.fold(replace(at("a", 10), state="resolved", at_s=NOW_S + 70), NOW_S + 70)
    run.release(NOW_S + 700)
    assert (order.waiting, len(order.settled)) == ([], 1)


def test_where_partitions_race_no_more_than_so_many_wait() -> None:
    run = Correlating()
    many = [at("a", 10 + n / 100, metric_type=f"m{n}") for n in range(MAX_WAITING + 200)]
    run.fold_all(many, 0.0)
    assert len(run.correlator.order.waiting) <= MAX_WAITING + 16
    assert len(run.told) == 1


def test_incidents_that_were_told_follow_what_late_detections_make_of_them() -> None:
    calls = (("cart", "db"), ("lone", "db"), ("lone", "pay"))
    run = Correlating(Topology(Edge(caller=a, callee=b) for a, b in calls))
    run.fold(at("cart", 10.2, metric_type="error_rate"), 0.0, NOW_S)
    run.fold(at("lone", 10.3), 0.0, NOW_S + 1)
    run.release(0.0, NOW_S + 60)
    cart, lone = (command.incident_id for command in run.commands)
    merged = run.fold(at("db", 10.0, metric_type="error_rate"), 0.0, NOW_S + 61)
    assert {(c.kind, c.incident_id, c.status) for c in merged} == {
        ("change", cart, None), ("change", lone, "resolved"),
    }  # fmt: skip
    assert (run.opened, run.current) == (["cart", "lone"], {cart})
    run.restart()
    # Slow too, and so the likelier cause of what is slow.
    parted = run.fold(at("pay", 10.1), 0.0, NOW_S + 62)
    assert {(c.kind, c.incident_id, c.status) for c in parted} == {
        ("change", cart, None), ("change", lone, "open"),
    }  # fmt: skip
    assert run.current == {cart, lone}


def test_when_all_was_heard_no_group_waits() -> None:
    run = Correlating(Topology([Edge(caller="front", callee="back")]))
    run.fold(at("front", 10), float("inf"))
    assert run.opened == ["front"]


def test_nothing_more_is_told_after_a_restart() -> None:
    run = Correlating()
    run.fold_all([at(name, 10) for name in ("a", "b", "c")], NOW_S + 10, NOW_S)
    run.restart()
    assert run.release(NOW_S + 11) == []
    run.restart()
    assert run.release(NOW_S + 60) == []

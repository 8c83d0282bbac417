"""The comparison finds what is lost, doubled, wrong or emitted again."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from tests.chaos.compare import (
    Aggregated,
    Json,
    compare_faults,
    compare_rows,
    compare_windows,
    window_key,
)
from tests.chaos.incidents import compare_announced, compare_incidents, repeated_events
from tests.chaos.reference import Counted, Expected, WindowKey, expected

START = "2027-01-15T08:00:00Z"
VALUES = [1.0, 2.25, 2.25]
KEY: WindowKey = ("s", ("m", (("host", "a"),)), "1m", 1_800_000_000)
FINAL = {"s": 1_800_000_060.0}


def wanted() -> dict[WindowKey, Expected]:
    return {KEY: expected(VALUES, 60)}


def record(**more: Any) -> Json:
    plain = asdict(expected(VALUES, 60))
    plain |= plain.pop("quantiles")
    place = {"service_name": "s", "metric_type": "m", "tags": {"host": "a"}, "window": "1m"}
    return plain | place | {"start": START, "final": True, "revision": 0} | more


def found(*records: Json) -> Aggregated:
    aggregated = Aggregated()
    for item in records:
        aggregated.add(item)
    return aggregated


def test_a_record_finds_its_window() -> None:
    assert window_key("s", record(), "1m") == KEY


def test_the_same_is_no_difference_and_a_quantile_may_be_one_percent_off() -> None:
    latest = found(record(p95=2.25 * 1.0099)).latest()
    assert compare_windows("w", wanted(), latest, FINAL) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"count": 4},
        {"sum": 5.25},
        {"min": 0.0},
        {"max": 3.0},
        {"mean": 1.8333335},
        {"stddev": 0.6},
        {"rate": 1.0},
        {"p50": 2.3},
        {"final": False},
        {"histogram": {"p": [0, 1, 41, 1], "n": [], "z": 0}},
    ],
)
def test_each_wrong_figure_is_a_difference(wrong: Json) -> None:
    assert len(compare_windows("w", wanted(), found(record(**wrong)).latest(), FINAL)) == 1


def test_missing_and_invented_windows_are_differences_open_ones_are_not() -> None:
    assert len(compare_windows("w", wanted(), {}, FINAL)) == 1
    later = found(record(), record(start="2027-01-15T07:59:00Z")).latest()
    assert len(compare_windows("w", wanted(), later, FINAL)) == 1
    open_one = found(record(), record(start="2027-01-15T08:01:00Z")).latest()
    assert compare_windows("w", wanted(), open_one, FINAL) == []


def test_repeats_are_counted_and_other_content_is_a_difference() -> None:
    aggregated = found(record(), record())
    assert (aggregated.repeats, aggregated.emitted_again()) == (1, [])
    assert len(found(record(), record(count=4)).emitted_again()) == 1


def test_a_revision_that_corrects_nothing_is_a_difference_but_for_recomputation() -> None:
    assert len(found(record(), record(revision=1)).emitted_again()) == 1
    assert found(record(), record(revision=1, count=4)).emitted_again() == []
    assert found(record(), record(revision=1, backfill=True)).emitted_again() == []


def test_rows_are_compared_one_by_one() -> None:
    given = Counted("s", ("m", ()), 1, 1.0, "id-1")
    plain = Counted("s", ("m", ()), 2, 1.0, "")
    rows = [given, plain._replace(id="derived")]
    assert compare_rows([given, plain], rows) == []
    assert len(compare_rows([given, plain], rows[:1])) == 1
    assert len(compare_rows([given], rows)) == 1
    assert len(compare_rows([given, plain], [*rows, given])) == 2


def test_letters_are_compared_by_their_place() -> None:
    assert compare_faults({(0, 1, None, 0)}, [(0, 1, None, 0), (0, 1, None, 0)]) == []
    assert len(compare_faults({(0, 1, None, 0)}, [(0, 1, 2, 0)])) == 2
    assert len(compare_faults({(0, 1, 25, 5)}, [(0, 1, 25, 4)])) == 2


def incident(identity: str, status: str = "resolved") -> Json:
    detections = [{"service_name": "s", "metric_type": "m"}]
    return {"id": identity, "title": identity, "status": status, "detections": detections}


def test_each_breach_has_one_resolved_incident() -> None:
    pair = {("s", "m")}
    assert compare_incidents(pair, [incident("a")]) == []
    assert len(compare_incidents(pair, [])) == 1
    assert len(compare_incidents(pair, [incident("a"), incident("b")])) == 1
    assert len(compare_incidents(set(), [incident("a")])) == 1
    assert len(compare_incidents(pair, [incident("a", "open")])) == 1


def test_each_incident_is_announced_under_one_version() -> None:
    events = [{"id": "a", "version": 1}, {"id": "a", "version": 1}]
    assert compare_announced([incident("a")], events) == []
    assert repeated_events(events) == 1
    assert len(compare_announced([incident("a")], [*events, {"id": "a", "version": 2}])) == 1
    assert len(compare_announced([incident("a")], [])) == 1
    assert len(compare_announced([], events)) == 1

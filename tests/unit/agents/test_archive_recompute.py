"""Recomputed windows: all sizes, next revision, nothing without a change, never smaller."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest

from agents.archive.recompute import recompute, spans
from agents.archive.sinks import DirtySink, read_dirty
from liveops.postgres.backfill import Dirty, RawSpan, StoredSpan, StoredWindow
from schema.metrics import Aggregate
from schema.series import OVERFLOW_TAGS, SeriesId

QUARTER_S = 1_700_000_100 // 900 * 900
CPU = SeriesId("shop", "cpu", ())
TAGGED = SeriesId("shop", "cpu", (("az", "a"),))


def values(**by_minute: list[float]) -> dict[int, Any]:
    """Values by minute of the quarter: `m3=[1.0]`."""
    return {QUARTER_S + 60 * int(m[1:]): np.array(v) for m, v in by_minute.items()}


def stored(windows: list[Aggregate]) -> StoredSpan:
    return {
        (w.window, w.start_s, w.series): StoredWindow(w.count, w.sum, w.min, w.max, w.revision)
        for w in windows
    }


def by_window(windows: list[Aggregate]) -> dict[tuple[str, int], Aggregate]:
    return {(w.window, (w.start_s - QUARTER_S) // 60): w for w in windows}


def test_the_three_windows_of_a_dirty_minute_are_computed_from_all_values() -> None:
    raw: RawSpan = {CPU: values(m0=[1.0], m6=[2.0, 4.0], m7=[8.0], m14=[16.0])}
    found = by_window(recompute("shop", {QUARTER_S + 360}, raw, {}))
    assert {key: (w.count, w.sum) for key, w in found.items()} == {
        ("1m", 6): (2, 6.0),
        ("5m", 5): (3, 14.0),
        ("15m", 0): (5, 31.0),
    }
    last = found["15m", 0]
    assert (last.min, last.max, last.mean, last.rate) == (1.0, 16.0, 6.2, 5 / 900)
    assert all(w.backfill and w.final and w.revision == 0 for w in found.values())
    assert sum(last.histogram["p"][1::2]) == 5


def test_a_repeated_recomputation_gives_nothing_and_a_late_value_the_next_revision() -> None:
    raw: RawSpan = {CPU: values(m6=[0.1, 0.2, 0.3]), TAGGED: values(m6=[5.0])}
    first = recompute("shop", {QUARTER_S + 360}, raw, {})
    assert len(first) == 6
    assert recompute("shop", {QUARTER_S + 360}, raw, stored(first)) == []
    raw[CPU] = values(m6=[0.1, 0.2, 0.3, 0.4])
    second = recompute("shop", {QUARTER_S + 360}, raw, stored(first))
    assert [(w.tags, w.revision, w.count) for w in second] == [({}, 1, 4)] * 3


def test_another_order_of_the_same_values_is_no_change() -> None:
    numbers = [0.1, 1e9, -0.3, 7e-5, 12.0]
    first = recompute("shop", {QUARTER_S}, {CPU: values(m0=numbers)}, {})
    again = recompute("shop", {QUARTER_S}, {CPU: values(m0=numbers[::-1])}, stored(first))
    assert again == []


def test_an_archive_with_fewer_values_does_not_make_a_window_smaller() -> None:
    first = recompute("shop", {QUARTER_S}, {CPU: values(m0=[1.0, 2.0])}, {})
    assert recompute("shop", {QUARTER_S}, {CPU: values(m0=[3.0])}, stored(first)) == []


def test_series_counted_in_the_overflow_stay_in_it() -> None:
    overflow = SeriesId("shop", "cpu", OVERFLOW_TAGS)
    known = stored(
        recompute("shop", {QUARTER_S}, {overflow: values(m0=[1.0]), CPU: values(m0=[2.0])}, {})
    )
    raw: RawSpan = {CPU: values(m0=[2.0]), TAGGED: values(m0=[1.0, 9.0])}
    changed = recompute("shop", {QUARTER_S}, raw, known)
    assert {(str(w.tags), w.count, w.sum) for w in changed} == {(str(dict(OVERFLOW_TAGS)), 2, 10.0)}


def test_minutes_are_gathered_by_quarter_of_an_hour() -> None:
    minutes = [QUARTER_S, QUARTER_S + 840, QUARTER_S + 900]
    assert spans(minutes) == {
        QUARTER_S: {QUARTER_S, QUARTER_S + 840},
        QUARTER_S + 900: {QUARTER_S + 900},
    }


def test_a_dirty_record_names_its_minutes_with_what_they_wait_for() -> None:
    record = {"service_name": "s", "minutes": {"60": {"3": 17, "-1": 5}, "120": {}}}
    assert read_dirty(orjson.dumps(record)) == [
        Dirty("s", 60, 3, 17),
        Dirty("s", 60, -1, 5),
        Dirty("s", 120, -1, 0),
    ]


@pytest.mark.parametrize("value", [None, b"{", b"[]", b'{"service_name":"s"}', b'{"minutes":[1]}'])
async def test_an_unreadable_dirty_record_is_skipped(value: bytes | None) -> None:
    class Record:
        offset = 1

    record = Record()
    record.value = value  # type: ignore[attr-defined] # stands for a Kafka record
    assert await DirtySink().prepare(0, [record]) == []

"""A figure is given only for windows that are right and survive a kill."""

from __future__ import annotations

import copy
from typing import Any

import orjson
import pytest

from liveops.bench.gate import (
    GateError,
    Windows,
    check_counts,
    check_recovered,
    probes,
    probes_arrived,
    touched,
)
from schema.metrics import WINDOW_S
from schema.times import format_time

END_S = 1_700_000_100 // 900 * 900
START_S = END_S - 900


def record(service: str, window: str, start_s: int, count: int, **more: Any) -> bytes:
    size = WINDOW_S[window]
    plain = {
        "service_name": service,
        "metric_type": "m",
        "tags": {"host": service},
        "window": window,
        "start": format_time(start_s),
        "end": format_time(start_s + size),
        "count": count,
        "sum": count * 2.0,
        "final": True,
        "revision": 0,
    }
    return orjson.dumps(plain | more)


def windows(service: str = "a", each: int = 2) -> Windows:
    """One series, `each` events a minute."""
    found = Windows(END_S)
    for name, size in WINDOW_S.items():
        for start_s in range(START_S, END_S, size):
            found.take(record(service, name, start_s, each * size // 60), start_s)
    return found


def after_probe(before: Windows, **more: Any) -> Windows:
    after = copy.deepcopy(before)
    for probe in probes(before):
        for key in touched(probe):
            count = before.found[key].count + 1
            fields = {"revision": 1} | more
            after.take(record(key.service, key.window, key.start_s, count, **fields), 0)
    return after


def test_complete_windows_pass() -> None:
    check_counts(windows(), 30)


def test_a_missing_event_in_any_size_is_named() -> None:
    found = windows()
    found.take(record("a", "5m", START_S, 9, revision=1), 0)
    with pytest.raises(GateError, match=r"the 5m windows .* count 29 events, 30 were sent"):
        check_counts(found, 30)


def test_the_highest_revision_counts_in_any_order() -> None:
    found = windows()
    found.take(record("a", "15m", START_S, 5, revision=2), 0)
    found.take(record("a", "15m", START_S, 4, revision=1), 0)
    assert found.found[min(found.found)].count == 5


def test_windows_of_the_closing_records_are_passed_over() -> None:
    found = windows()
    found.take(record("a", "1m", END_S, 1), 10**15)
    check_counts(found, 30)
    assert found.newest_ms < END_S


def test_a_repeated_output_is_fine_and_a_contradiction_is_not() -> None:
    found = windows()
    found.take(record("a", "1m", START_S, 2), 0)
    check_counts(found, 30)
    found.take(record("a", "1m", START_S, 2, sum=4.5), 0)
    with pytest.raises(GateError, match="sent twice with the same revision"):
        check_counts(found, 30)


def test_recovery_passes_when_the_probe_adds_one() -> None:
    before = windows()
    after = after_probe(before)
    assert [probe.start_s for probe in probes(before)] == [END_S - 60]
    assert not probes_arrived(before, copy.deepcopy(before))
    assert probes_arrived(before, after)
    check_recovered(before, after)


def test_forgotten_state_is_found() -> None:
    before = windows()
    after = copy.deepcopy(before)
    for key in touched(probes(before)[0]):
        after.take(record("a", key.window, key.start_s, 1, revision=1), 0)
    with pytest.raises(GateError, match="3 windows differ after a kill"):
        check_recovered(before, after)


def test_an_unanswered_probe_is_found() -> None:
    before = windows()
    with pytest.raises(GateError, match="3 windows differ"):
        check_recovered(before, copy.deepcopy(before))


def test_a_window_changed_by_the_restart_is_found() -> None:
    before = windows()
    after = after_probe(before)
    after.take(record("a", "1m", START_S, 3, revision=1), 0)
    with pytest.raises(GateError, match=r"1 windows differ .* 2 events before the kill, 3 after"):
        check_recovered(before, after)

"""Detector state as former versions stored it is read, with nothing learned anew."""

from __future__ import annotations

from typing import Any

from msgspec import msgpack

from liveops.detection.codec import encode_presence, encode_series
from liveops.detection.forgetting import FORGET_AFTER_S, forget_silent
from liveops.detection.report import Outcome
from liveops.detection.rulebook import RuleBook
from liveops.detection.state import new_service
from tables.detectors import decode_service, key_of, owner_of
from tests.aggregates import BEGIN_S, feed, rule

#: A series as it was stored before it told when it was last seen.
OLD_SERIES: dict[str, Any] = {
    "metric_type": "latency_ms",
    "tags": {},
    "baselines": {},
    "alarms": {},
    "closed_s": {"1m": BEGIN_S + 600, "5m": BEGIN_S + 300},
    "broker_s": BEGIN_S + 660.0,
}


def test_a_series_without_its_last_sight_counts_from_its_last_closed_window() -> None:
    stored = [(key_of("svc", "latency_ms"), msgpack.encode([1, OLD_SERIES]))]
    state, offsets = decode_service("svc", stored)
    assert offsets == {}
    assert state.seen.last_seen_s("latency_ms") == BEGIN_S + 600
    state.presence.event_s = state.presence.broker_s = BEGIN_S + 660.0
    now_s = BEGIN_S + FORGET_AFTER_S
    assert not forget_silent(state, now_s, Outcome())
    outcome = Outcome()
    forget_silent(state, now_s + 1200, outcome)
    assert outcome.forgotten == {"latency_ms"}


def test_what_is_stored_comes_back_with_a_firing_alarm() -> None:
    state = new_service("svc")
    feed(state, RuleBook([rule("threshold")], ()), [500.0])
    values = [(key_of("svc", key), encode_series(series)) for key, series in state.series.items()]
    values.append((key_of("svc"), encode_presence(state.presence, {"t": 7})))
    back, offsets = decode_service("svc", values)
    assert (back.series, back.presence, offsets) == (state.series, state.presence, {"t": 7})
    assert list(back.seen) == list(state.seen)
    assert {owner_of(key) for key, _ in values} == {"svc"}

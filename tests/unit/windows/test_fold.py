"""When windows close, what is late, what is counted once."""

from __future__ import annotations

from liveops.windows.fold import Arrival, Limits, Outputs, advance, correct, fold, open_windows
from liveops.windows.state import ServiceState
from schema.metrics import Metric

LIMITS = Limits(lateness_s=10.0, allowed_lateness_s=300.0, max_series=2)
MINUTE = 1_700_000_100.0  # start of a quarter of an hour, UTC


def arrival(
    at_s: float, value: float = 1.0, *, append_s: float | None = None, id: str = "", tag: str = ""
) -> Arrival:
    tags = {"t": tag} if tag else {}
    metric = Metric(id, "shop", "cpu", value, tags, at_s)
    return Arrival(metric, at_s if append_s is None else append_s, bool(id))


def feed(state: ServiceState, *items: Arrival, time_s: float = 0.0) -> Outputs:
    outputs = Outputs()
    fold(state, list(items), time_s, LIMITS, outputs)
    return outputs


def test_a_window_closes_when_event_time_passes_its_end_and_the_lateness() -> None:
    state = ServiceState("shop")
    assert not feed(state, arrival(MINUTE), arrival(MINUTE + 69.9)).closed
    closed = feed(state, arrival(MINUTE + 70)).closed
    assert [(w.window, w.start_s, w.count) for w in closed] == [("1m", MINUTE, 1)]


def test_a_value_on_the_edge_belongs_to_the_later_window() -> None:
    state = ServiceState("shop")
    feed(state, arrival(MINUTE), arrival(MINUTE + 60))
    assert {start: len(minute) for start, minute in state.minutes.items()} == {
        int(MINUTE): 1,
        int(MINUTE) + 60: 1,
    }


def test_a_producer_an_hour_ahead_closes_nothing_early() -> None:
    state = ServiceState("shop")
    ahead = arrival(MINUTE + 3600, append_s=MINUTE)
    assert not feed(state, arrival(MINUTE), ahead, arrival(MINUTE + 20)).closed


def test_a_replay_a_day_behind_stays_a_day_behind() -> None:
    state = ServiceState("shop")
    outputs = feed(
        state,
        arrival(MINUTE, append_s=MINUTE + 86_400),
        arrival(MINUTE + 30, append_s=MINUTE + 86_401),
    )
    assert not outputs.closed
    assert state.watermark_s == MINUTE + 30 - 10


def test_a_silent_service_closes_with_the_partition_clock() -> None:
    state = ServiceState("shop")
    feed(state, arrival(MINUTE))
    outputs = Outputs()
    advance(state, MINUTE + 71, LIMITS, outputs)
    assert [w.window for w in outputs.closed] == ["1m"]


def test_late_data_gives_one_correction_with_the_next_revision() -> None:
    state = ServiceState("shop")
    feed(state, arrival(MINUTE), arrival(MINUTE + 100))
    late = [arrival(MINUTE + n, append_s=MINUTE + 100) for n in (5, 6)]
    feed(state, *late)
    outputs = Outputs()
    correct(state, outputs)
    assert [(w.window, w.count, w.revision) for w in outputs.closed] == [("1m", 3, 1)]
    again = Outputs()
    correct(state, again)
    assert not again.closed


def test_data_past_the_allowed_lateness_goes_to_the_archive_only() -> None:
    state = ServiceState("shop")
    feed(state, arrival(MINUTE), arrival(MINUTE + 2400))
    outputs = feed(state, arrival(MINUTE + 1, append_s=MINUTE + 2400))
    assert [m.timestamp_s for m in outputs.too_late] == [MINUTE + 1]
    assert not outputs.folded


def test_a_given_id_counts_once() -> None:
    state = ServiceState("shop")
    outputs = feed(state, arrival(MINUTE, id="a"), arrival(MINUTE + 1, id="a"))
    assert (outputs.folded, outputs.duplicates) == (1, 1)


def test_too_many_series_are_counted_in_a_visible_overflow_series() -> None:
    state = ServiceState("shop")
    outputs = feed(state, *(arrival(MINUTE, tag=t) for t in "abcd"))
    assert outputs.overflowed == 2
    tags = [dict(series.tags) for series in state.minutes[int(MINUTE)]]
    assert {"liveops_overflow": "true"} in tags
    assert len(tags) == 3


def test_open_windows_are_told_once_and_divide_the_rate_by_the_time_elapsed() -> None:
    state = ServiceState("shop")
    feed(state, *(arrival(MINUTE + n) for n in range(21)))
    windows = open_windows(state, MINUTE + 20)
    assert {w.window for w in windows} == {"1m", "5m", "15m"}
    minute = next(w for w in windows if w.window == "1m")
    assert (minute.final, minute.count, minute.rate) == (False, 21, 21 / 20)
    assert not open_windows(state, MINUTE + 20)

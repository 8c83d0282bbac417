"""What the live cache remembers is bounded by what it shows, over simulated weeks."""

from __future__ import annotations

from agents.windows.shown_windows import KEEP_S, ShownWindows

MINUTE_S = 60
WEEK_MINUTES = 7 * 24 * 60


def test_dead_pods_take_no_room_over_two_weeks() -> None:
    shown = ShownWindows()
    most = 0
    for minute in range(0, 2 * WEEK_MINUTES, 3):
        start_s = minute * MINUTE_S
        for series in (f"cpu{{pod={minute // 30}}}", "cpu"):  # a new pod each half an hour
            assert shown.is_newest("k", series, start_s, float(start_s))
        list(shown.take_outdated())
        most = max(most, len(shown))
    assert most <= 2 + KEEP_S // (30 * MINUTE_S) + 1


def test_a_service_that_fell_silent_is_forgotten_with_its_hash() -> None:
    shown = ShownWindows()
    shown.is_newest("k", "cpu", 0, 0.0)
    shown.forget_expired(1800.0)
    assert len(shown) == 1
    shown.forget_expired(1801.0)
    assert len(shown) == 0


def test_an_older_window_is_not_shown_over_a_newer_one() -> None:
    shown = ShownWindows()
    assert shown.is_newest("k", "cpu", 60, 0.0)
    assert not shown.is_newest("k", "cpu", 0, 0.0)
    assert shown.unknown(["k"]) == ["k"]
    shown.adopt("k", {"cpu": 120, "mem": 60})
    assert shown.unknown(["k"]) == []
    assert not shown.is_newest("k", "cpu", 60, 0.0)
    assert shown.is_newest("k", "cpu", 120, 0.0)

"""What left its past, on short, odd and incomplete histories."""

from __future__ import annotations

from liveops.rca.deviation import Deviation, deviations
from liveops.rca.series import MAX_DURING, Sample
from tests.unit.rca.stories import START_S


def of(past: list[float], during: list[float], metric: str = "latency_ms") -> Deviation | None:
    """The deviation of one series of minutes."""
    values = [*past, *during]
    begin_s = START_S - 60 * len(past)
    samples = [Sample("a", metric, begin_s + 60 * i, v) for i, v in enumerate(values)]
    samples += [Sample("z", metric, START_S + 60 * i, 1.0) for i in range(6)]
    return next((d for d in deviations(samples, START_S) if d.service_name == "a"), None)


def strength(past: list[float], during: list[float], metric: str = "latency_ms") -> float:
    found = of(past, during, metric)
    assert found is not None
    return found.strength


NOISE = [100.0 + (i * 37 % 11 - 5) for i in range(60)]


def test_the_median_of_the_incident_counts_not_one_stray_value() -> None:
    assert strength(NOISE, [100, 9000, 101, 99]) < 1
    assert strength(NOISE, [200, 210, 190, 205]) > 10


def test_a_constant_past_does_not_make_a_small_step_a_great_one() -> None:
    assert strength([100.0] * 60, [104.0] * 4) < 3 < strength([100.0] * 60, [200.0] * 4)


def test_two_values_are_a_history_but_a_weak_one() -> None:
    assert of([100.0], [500.0] * 3) is None
    assert strength([100.0, 101.0], [115.0] * 3) < 3 < strength([100.0, 101.0], [500.0] * 3)


def test_a_drop_of_availability_counts_after_a_clean_past() -> None:
    found = of([100.0] * 60, [99.2] * 3, "availability")
    assert found is not None
    assert found.strength > 3
    assert found.worse
    better = of(NOISE, [40.0] * 3)
    assert better is not None
    assert not better.worse


def test_bursts_that_the_past_knows_are_neither_far_nor_rare() -> None:
    bursts = [900.0 if i % 10 < 3 else v for i, v in enumerate(NOISE)]
    found = of(bursts, [880.0] * 3)
    assert found is not None
    assert found.rarity > 0.1
    assert found.strength < 3


def test_late_detection_does_not_spoil_the_past_and_shows_in_the_onset() -> None:
    found = of([*NOISE[:28], 300.0, 310.0], [305.0] * 2)
    assert found is not None
    assert found.strength > 30
    assert found.onset_s == START_S - 120


def test_gaps_infinite_values_and_stand_ins_are_left_out() -> None:
    odd = [float("nan"), float("inf"), 1e300]
    found = of([*NOISE, *odd], [200, *odd, 210, 205])
    assert found is not None
    assert (found.history, found.observed) == (len(NOISE), 205)


def test_what_reports_rarely_is_not_missed_at_once() -> None:
    regular = of(NOISE, [])
    assert regular is not None
    assert regular.silent
    rare = [
        Sample("a", "m", START_S - 600 * i, 100.0 + i % 3) for i in range(1, 30)
    ] + [Sample("z", "m", START_S + 60 * i, 1.0) for i in range(6)]  # fmt: skip
    assert not any(d.service_name == "a" for d in deviations(rare, START_S))


def test_a_long_incident_is_judged_by_its_beginning() -> None:
    assert strength(NOISE, [200.0] * MAX_DURING + [100.0] * 500) > 10

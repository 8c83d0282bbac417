"""Detectors under any noise, any cut of the input and any repetition."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from liveops.detection.codec import decode_series, encode_series
from liveops.detection.engine import observe
from liveops.detection.rulebook import RuleBook
from liveops.detection.state import new_service
from schema.incidents import Detection
from tests.aggregates import feed, quiet, rule, window
from tests.learning import Worker

BASELINES = (rule("zscore"), rule("forecast"), rule("no_data"))
BOOK = RuleBook(BASELINES, ())
LEVELS = st.floats(0.001, 1e9)
SEEDS = st.integers(0, 2**32)


def changes(found: list[Detection]) -> list[str]:
    """States one after the other; how a firing alarm stands now is no change of it."""
    return [
        item.state
        for before, item in zip([None, *found], found, strict=False)
        if before is None or (before.id, before.state) != (item.id, item.state)
    ]


@given(seed=SEEDS, level=LEVELS)
@settings(max_examples=60, deadline=None)
def test_quiet_noise_gives_no_alarm(seed: int, level: float) -> None:
    assert Worker(BOOK).feed(quiet(150, seed, level)) == []


@given(seed=SEEDS, level=LEVELS, factor=st.floats(2, 50), length=st.integers(1, 15))
@settings(max_examples=60, deadline=None)
def test_an_excursion_gives_one_alarm_and_its_end(
    seed: int, level: float, factor: float, length: int
) -> None:
    means = quiet(40, seed, level) + quiet(length, seed + 1, level * factor)
    found = Worker(BOOK).feed(means + quiet(6, seed + 2, level))
    for kind in ("zscore", "forecast"):
        told = [item for item in found if item.detector == kind]
        assert changes(told) == ["firing", "resolved"]
        assert len({item.id for item in told}) == 1


@given(seed=SEEDS, means=st.lists(st.floats(0, 1000), min_size=1, max_size=40))
@settings(max_examples=50, deadline=None)
def test_the_same_windows_give_the_same_detections_stored_or_not(
    seed: int, means: list[float]
) -> None:
    book = RuleBook([rule("threshold"), *BASELINES], ())
    whole, cut, coin = new_service("svc"), new_service("svc"), Random(seed)
    expected = feed(whole, book, means)
    found = []
    for number, mean in enumerate(means):
        found += feed(cut, book, [mean], number)
        if coin.random() < 0.3:
            cut.series = {k: decode_series(encode_series(v)) for k, v in cut.series.items()}
    assert found == expected


@given(means=st.lists(st.floats(0, 200), min_size=1, max_size=60))
@settings(max_examples=80, deadline=None)
def test_firing_and_resolved_alternate_and_repeats_say_nothing(means: list[float]) -> None:
    state, book = new_service("svc"), RuleBook([rule("threshold")], ())
    found = []
    for number, mean in enumerate(means):
        found += observe(state, [window(number, mean)], book).detections
        assert observe(state, [window(number, mean)], book).detections == []
    states = changes(found)
    assert states == ["firing", "resolved"] * (len(states) // 2) + ["firing"] * (len(states) % 2)
    assert len({item.id for item in found}) == (len(states) + 1) // 2

"""Rules that learn: a bank each, closed windows learned, open ones looked at."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from liveops.detection import rule_bank
from liveops.detection.relive import recalled, relive
from liveops.detection.rulebook import RuleBook
from liveops.detection.stored import encode
from tests.aggregates import BEGIN_S, quiet, rule, window
from tests.learning import ENSEMBLE, Worker, states


def test_one_alarm_an_excursion_which_says_how_rare_it_is() -> None:
    worker = Worker()
    found = worker.feed([*quiet(300), *quiet(5, 1, 300.0), *quiet(5, 2)])
    assert states(found) == ["firing", "resolved"]
    assert {one.detector for one in found} == {"ensemble"}
    first = found[0]
    assert first.onset_s == BEGIN_S + 300 * 60
    assert first.reason.startswith("mean ")
    assert "above the expected 9" in first.reason
    assert "once in" in first.reason
    assert first.lower is not None
    assert first.upper is not None
    assert first.lower < 100 < first.upper < 300


def test_an_open_window_tells_before_it_closes_and_is_not_learned() -> None:
    worker = Worker()
    worker.feed(quiet(300))
    early = window(300, 300.0, final=False, count=5)
    (told,) = worker.take([early], BEGIN_S + 300 * 60 + 5)
    assert (told.state, told.at_s) == ("firing", BEGIN_S + 300 * 60 + 5)
    bank = worker.learned.banks[ENSEMBLE.id]
    assert bank.newest_s("svc", early.series) == BEGIN_S + 299 * 60
    later = worker.feed([300.0, *quiet(5, 2)], 300)
    assert {one.id for one in later} == {told.id}
    assert states(later)[-1] == "resolved"


@pytest.mark.parametrize(
    "more",
    [
        {"count": 1},  # of usually 60
        {"count": 5, "stddev": 400.0},  # one wild sample among calm ones
    ],
)
def test_an_open_window_that_may_still_be_usual_tells_nothing(more: dict[str, Any]) -> None:
    worker = Worker()
    worker.feed(quiet(300))
    assert worker.take([window(300, 300.0, final=False, **more)], BEGIN_S + 300 * 60 + 5) == []


def test_an_open_window_far_ahead_of_the_closed_ones_waits_for_them() -> None:
    worker = Worker()
    worker.feed(quiet(300))
    assert worker.take([window(305, 300.0, final=False)], BEGIN_S + 305 * 60 + 30) == []
    (told,) = worker.take([window(301, 300.0, final=False)], BEGIN_S + 301 * 60 + 30)
    assert told.onset_s == BEGIN_S + 301 * 60


def test_a_new_level_is_accepted_and_that_is_told() -> None:
    worker = Worker()
    found = worker.feed([*quiet(300), *quiet(400, 1, 150.0)])
    assert states(found) == ["firing", "resolved"]
    assert found[-1].reason == "accepted as the new normal after 6 h"
    assert found[-1].at_s - found[0].at_s == pytest.approx(6 * 3600, abs=120)


def test_a_young_series_is_told_of_what_is_far_out_only() -> None:
    assert states(Worker().feed([*quiet(20), 1000.0, 1000.0])) == ["firing"]
    assert Worker().feed([*quiet(20), 110.0, 112.0, 111.0]) == []


def test_the_way_windows_come_in_chunks_changes_nothing() -> None:
    random = Random(7)
    means = [*quiet(300), *quiet(5, 1, 300.0), *quiet(30, 2)]
    pods = {name: [mean * random.uniform(0.9, 1.1) for mean in means] for name in "abc"}
    windows = [
        window(number, pods[pod][number], tags={"pod": pod})
        for number in range(len(means))
        for pod in pods
    ]
    whole = Worker().take(windows)
    worker = Worker()
    parts = [
        one
        for first in range(0, len(windows), 7)
        for one in worker.take(windows[first : first + 7])
    ]
    assert whole == parts
    assert len({one.id for one in whole}) == 3


def test_repeats_and_revisions_teach_nothing() -> None:
    worker, other = Worker(), Worker()
    for number, mean in enumerate(quiet(100)):
        item = window(number, mean)
        other.take([item])
        worker.take([item])
        worker.take([item, window(number, 900.0, revision=1)])
    one, two = (w.learned.banks[ENSEMBLE.id] for w in (worker, other))
    assert _row(one) == _row(two)


def _row(bank: rule_bank.RuleBank) -> bytes:
    row = bank.find("svc", window(0, 1.0).series)
    assert row is not None
    return encode(bank.bank, row)


def test_a_forgotten_series_leaves_its_row_to_the_next() -> None:
    worker = Worker()
    worker.feed(quiet(50), tags={"pod": "old"})
    bank = worker.learned.banks[ENSEMBLE.id]
    key = window(0, 1.0, tags={"pod": "old"}).series
    row = bank.find("svc", key)
    worker.learned.forget("svc", [key])
    worker.feed(quiet(1), 50, tags={"pod": "new"})
    assert bank.find("svc", window(0, 1.0, tags={"pod": "new"}).series) == row
    assert row is not None
    assert bank.bank.count[row] == 1


def test_above_so_many_series_newcomers_are_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rule_bank, "MAX_ROWS", 40)
    worker = Worker()
    for pod in range(60):
        worker.feed([100.0], tags={"pod": str(pod)})
    assert len(worker.learned.banks[ENSEMBLE.id]) == 40


def test_a_rule_that_judges_the_same_goes_on_with_what_it_knows() -> None:
    worker = Worker()
    worker.feed(quiet(50))
    rarer = rule("ensemble", version=2, one_alarm_in_days=90.0)
    assert worker.learned.obey(RuleBook([rarer], ())) == []
    assert worker.learned.banks[ENSEMBLE.id].one_alarm_in_days == 90.0
    of_peaks = rule("ensemble", version=3, field="p95")
    (bank,) = worker.learned.obey(RuleBook([of_peaks], ()))
    assert len(bank) == 0
    assert worker.learned.obey(RuleBook([], ())) == []
    assert worker.learned.banks == {}


def test_what_was_kept_and_the_windows_since_give_the_same_memory() -> None:
    means = quiet(200)
    worker = Worker()
    worker.feed(means[:150])
    bank = worker.learned.banks[ENSEMBLE.id]
    series = window(0, 1.0).series
    kept = {("svc", series): _row(bank)}
    worker.feed(means[150:], 150)
    back = recalled(ENSEMBLE, kept)
    # Also windows that are in what was kept already.
    relive(back, [(window(n, 1.0).start_s, "svc", series, means[n]) for n in range(140, 200)])
    assert back.bank.usual.samples.max() == 60  # so an open window is judged at once
    back.bank.usual = bank.bank.usual
    assert _row(back) == _row(bank)


def test_an_excursion_found_in_a_past_that_was_not_kept_is_told() -> None:
    means = [*quiet(300), *quiet(20, 1, 300.0)]
    series = window(0, 1.0).series
    worker = Worker()
    bank = worker.learned.banks[ENSEMBLE.id]
    relive(bank, [(window(n, 1.0).start_s, "svc", series, mean) for n, mean in enumerate(means)])
    assert states(worker.feed([*quiet(3, 1, 300.0), *quiet(5)], 320)) == ["firing", "resolved"]


def test_foreign_bytes_are_learned_anew() -> None:
    assert len(recalled(ENSEMBLE, {("svc", "a"): b"\x93\x01", ("svc", "b"): b""})) == 0


def test_a_zscore_rule_tells_an_excursion_once_with_its_onset_and_how_rare_it_is() -> None:
    worker = Worker(RuleBook([rule("zscore", sensitivity=6.0)], ()))
    found = worker.feed([*quiet(300), *[500.0] * 6, *quiet(5, 1)])
    assert states(found) == ["firing", "resolved"]
    assert {one.detector for one in found} == {"zscore"}
    assert found[0].onset_s == BEGIN_S + 300 * 60
    assert "once in" in found[0].reason


@pytest.mark.parametrize(("sensitivity", "told"), [(3.0, True), (30.0, False)])
def test_sensitivity_is_how_many_deviations_are_told(sensitivity: float, told: bool) -> None:
    worker = Worker(RuleBook([rule("zscore", sensitivity=sensitivity)], ()))
    random = Random(4)
    worker.feed([random.gauss(100.0, 10.0) for _ in range(400)])
    worker.feed([random.gauss(100.0, 1.0) for _ in range(20)], 400)
    before = [one for one in worker.feed([185.0, 185.0], 420) if one.state == "firing"]
    assert bool(before) is told


def test_one_scale_of_surprise_for_all_that_learn() -> None:
    kinds = ("ensemble", "zscore", "forecast")
    book = RuleBook([rule(kind, id=kind, one_alarm_in_days=21.0) for kind in kinds], ())
    worker = Worker(book)
    worker.feed(quiet(300))
    found = worker.feed([900.0], 300)
    assert sorted(one.detector for one in found) == sorted(kinds)
    assert all(4.5 < one.score <= 12.0 for one in found)
    assert all("once in" in one.reason and "deviations" not in one.reason for one in found)

"""Rules that learn: a bank each, closed windows learned, open ones looked at."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest

from liveops.detection import rule_bank
from liveops.detection.engine import observe
from liveops.detection.learned import Learned
from liveops.detection.relive import recalled, relive
from liveops.detection.rule_bank import Seen
from liveops.detection.rulebook import RuleBook
from liveops.detection.state import ServiceDetectors, new_service
from liveops.detection.stored import encode
from schema.incidents import Detection
from schema.metrics import Aggregate
from tests.aggregates import BEGIN_S, quiet, rule, window

ENSEMBLE = rule("ensemble")


@dataclass
class Worker:
    """Detectors of one service with what they have learned."""

    book: RuleBook = field(default_factory=lambda: RuleBook([ENSEMBLE], ()))
    learned: Learned = field(default_factory=Learned)
    state: ServiceDetectors = field(default_factory=lambda: new_service("svc"))

    def __post_init__(self) -> None:
        self.learned.obey(self.book)

    def take(self, windows: list[Aggregate], reached_s: float | None = None) -> list[Detection]:
        """One chunk with these windows."""
        seen = [Seen("svc", item) for item in windows]
        opinions = self.learned.judge(seen, self.book, self._closed_s)
        found: list[Detection] = []
        for item in windows:
            outcome = observe(self.state, [item], self.book, reached_s, opinions)
            self.learned.forget("svc", outcome.forgotten)
            found += outcome.detections
        return found

    def feed(self, means: list[float], first: int = 0, **more: Any) -> list[Detection]:
        """Closed windows with these means, each a chunk."""
        return [
            one
            for number, mean in enumerate(means)
            for one in self.take([window(first + number, mean, **more)])
        ]

    def _closed_s(self, seen: Seen) -> float:
        series = self.state.series.get(seen.window.series)
        return -1.0 if series is None else series.closed_s.get(seen.window.window, -1)


def states(found: list[Detection]) -> list[str]:
    """States one after the other, without repeats."""
    return [b.state for a, b in zip([None, *found], found, strict=False) if a is None or
            (a.id, a.state) != (b.id, b.state)]  # fmt: skip


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

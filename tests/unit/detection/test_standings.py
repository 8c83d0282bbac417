"""How series stand with rules: learning, ok, firing, and the reason for it."""

from __future__ import annotations

import numpy as np

from liveops.detection import forecast
from liveops.detection.forecast import Fit
from liveops.detection.learned import Learned
from liveops.detection.rule_bank import Seen
from liveops.detection.rulebook import RuleBook
from liveops.detection.standings import standings
from liveops.detection.state import new_service
from schema.detectors import Standing
from tests.aggregates import quiet, rule, window
from tests.learning import Worker

RULES = [
    rule("ensemble"),
    rule("threshold", value=200.0),
    rule("zscore"),
    rule("no_data", scope="series"),
]


def of_kind(worker: Worker, kind: str) -> Standing:
    found = standings(worker.state, worker.book, worker.learned)
    (one,) = [standing for standing in found if standing.detector == kind]
    return one


def test_a_series_is_learned_step_by_step() -> None:
    worker = Worker(RuleBook(RULES, ()))
    worker.feed(quiet(4))
    ensemble, zscore = of_kind(worker, "ensemble"), of_kind(worker, "zscore")
    assert (ensemble.state, ensemble.learned, ensemble.needed) == ("learning", 4, 10)
    assert ensemble.reason == "4 of 10 windows learned"
    assert (zscore.state, zscore.learned, zscore.needed) == ("learning", 4, 10)
    assert of_kind(worker, "threshold").state == "ok"
    worker.feed(quiet(30), 4)
    ensemble = of_kind(worker, "ensemble")
    assert (ensemble.state, ensemble.learned) == ("ok", 10)
    assert ensemble.reason.startswith("surprise ")
    assert ensemble.lower is not None
    assert ensemble.upper is not None
    assert ensemble.lower < 100 < ensemble.upper


def test_what_fires_says_why() -> None:
    worker = Worker(RuleBook(RULES, ()))
    worker.feed([*quiet(300), 900.0, 900.0])
    for kind in ("ensemble", "threshold", "zscore"):
        standing = of_kind(worker, kind)
        assert (standing.state, standing.reason[:8]) == ("firing", "mean 900")


def test_a_forecast_rule_says_what_it_judges_by() -> None:
    worker = Worker(RuleBook([rule("forecast")], ()))
    worker.feed(quiet(40))
    bank = worker.learned.banks[worker.book.rules.popitem()[0]]
    assert of_kind(worker, "forecast").reason.endswith("against its level: no season is proved")
    start_s = float(bank.bank.newest_s[0])
    forecast.accept(bank.bank.forecasts, 0, start_s, Fit(start_s, np.full(8, 100.0), np.ones(9)))
    assert "against the forecast from 20" in of_kind(worker, "forecast").reason


def test_an_excursion_that_was_expected_is_told_apart() -> None:
    worker = Worker()
    worker.feed(quiet(40))
    (bank,) = worker.learned.banks.values()
    bank.bank.excursions.firing[:] = True
    assert of_kind(worker, "ensemble").reason.endswith("; an excursion that was expected goes on")


def test_a_series_without_a_row_is_still_to_be_learned() -> None:
    state, book = new_service("svc"), RuleBook([rule("ensemble")], ())
    worker = Worker(book)
    worker.take([window(0, 1.0)])
    state.series = worker.state.series
    (one,) = standings(state, book, Learned())
    assert (one.state, one.learned) == ("learning", 0)
    assert Seen("svc", window(0, 1.0)).service == one.service_name

"""Load comes down from callers."""

from __future__ import annotations

from liveops.incidents.fold import HOLD_S
from tests.aggregates import detection
from tests.unit.incidents.test_fold import Run


def test_less_load_below_a_failing_caller_is_its_incident_and_never_the_origin() -> None:
    failing = detection("shop", metric_type="error_rate")
    less = [detection(name, metric_type="requests", value=10.0) for name in ("cart", "pay")]
    for order in ([failing, *less], [*less, failing], [less[0], failing, less[1]]):
        run = Run().take(*order).wait(HOLD_S)
        assert len(run.groups) == 1
        assert run.commands[-1].values["service_name"] == "shop"


def test_more_load_for_all_begins_at_the_entry() -> None:
    run = Run().take(*(detection(n, metric_type="requests") for n in ("cart", "shop", "pay")))
    run.wait(HOLD_S)
    assert len(run.groups) == 1
    assert run.commands[-1].values["service_name"] == "shop"

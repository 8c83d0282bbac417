"""Series by the gravest state among their rules, and alarms that a silence mutes."""

from __future__ import annotations

import pytest

from agents.incidents.series_states import SeriesStates, phase_of
from liveops.detection.state import Alarm, Phase, SeriesState, ServiceDetectors, new_service
from liveops.metrics.detection import REGISTRY
from schema.incidents import Detection
from tests.unit.rca.stories import detection


def alarm(phase: Phase, told: Detection | None = None) -> Alarm:
    return Alarm(phase=phase, detection=told)


def service(*series: list[Alarm]) -> ServiceDetectors:
    state = new_service("shop")
    for number, alarms in enumerate(series):
        by_rule = {str(rule): item for rule, item in enumerate(alarms)}
        state.series[str(number)] = SeriesState("m", {}, alarms=by_rule)
    return state


def shown() -> dict[str, float | None]:
    return {
        state: REGISTRY.get_sample_value("liveops_detector_series", {"state": state})
        for state in ("firing", "no_data", "ok", "learning")
    }


@pytest.mark.parametrize(
    ("phases", "expected"),
    [
        ([], "learning"),
        (["learning", "ok"], "ok"),
        (["ok", "no_data"], "no_data"),
        (["no_data", "firing", "learning"], "firing"),
    ],
)
def test_the_gravest_phase_is_the_state_of_the_series(phases: list[Phase], expected: Phase) -> None:
    assert phase_of(map(alarm, phases)) == expected


async def test_all_services_are_counted_and_what_is_gone_is_not() -> None:
    states = [
        service([], [alarm("ok")], [alarm("firing", detection("shop"))]),
        service([alarm("firing")], [alarm("no_data")]),
    ]
    states[1].presence.alarms["absent"] = alarm("firing")
    states[1].presence.metric_alarms["m"] = {"absent": alarm("firing"), "other": alarm("ok")}
    counting = SeriesStates(lambda: states)
    await counting.count()
    assert shown() == {"firing": 2, "no_data": 1, "ok": 1, "learning": 1}
    assert REGISTRY.get_sample_value("liveops_detector_alarms_silenced") == 3
    states.clear()
    await counting.count()
    assert set(shown().values()) == {0}
    assert REGISTRY.get_sample_value("liveops_detector_alarms_silenced") == 0

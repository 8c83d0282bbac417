"""The correlator's word and a person's in one incident."""

from __future__ import annotations

from random import Random
from typing import Any

from liveops.incidents.merge import changes, opened
from liveops.incidents.state import Command
from schema.incidents import Incident
from schema.times import format_time, to_datetime
from tests.aggregates import detection
from tests.correlating import Correlating


def command() -> Command:
    (found,) = Correlating().fold(detection("svc"), 0.0)
    return found


def change(old: Incident, values: dict[str, Any], **more: Any) -> dict[str, Any]:
    return changes(old, Command("change", old.id, values, {"title": "ours"}, **more))


def test_an_incident_counts_its_latency_from_the_revealing_record() -> None:
    told = command()
    (item,) = told.values["detections"]
    incident = opened(told, item.broker_time_s + 2.5)
    assert (incident.id, incident.event_to_detected_ms) == (told.incident_id, 2500.0)
    assert opened(told, item.broker_time_s - 1).event_to_detected_ms == 0.0


def test_what_a_person_changed_stays_and_the_rest_follows() -> None:
    incident = opened(command(), 0.0)
    incident.title = "ours"
    new = {"title": "new", "fingerprint": "f", "detections_dropped": 3}
    assert change(incident, new) == new
    incident.title = "a person's"
    assert change(incident, new) == {"fingerprint": "f", "detections_dropped": 3}


def test_status_moves_only_where_it_can() -> None:
    incident = opened(command(), 0.0)
    incident.description = "before"
    gone = change(incident, {}, status="resolved", note="Merged.")
    assert gone == {"description": "before\nMerged.", "status": "resolved", "stale": False}
    assert change(incident, {}, status="open") == {}
    incident.status = "resolved"
    assert change(incident, {}, status="resolved") == {}
    assert change(incident, {}, status="open") == {"status": "open"}


def test_what_is_told_at_once_is_the_time_that_is_stored() -> None:
    random = Random(1)
    for _ in range(2000):
        told_s = opened(command(), 1_795_674_366 + random.random()).detected_at_s
        assert format_time(told_s) == format_time(to_datetime(told_s).timestamp())

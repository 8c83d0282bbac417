"""However long and wide an incident is, what is kept and sent of it has a bound."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from liveops.incidents.bounds import MAX_MEMBERS
from liveops.incidents.event import MAX_EVENT_BYTES, incident_event
from liveops.incidents.state import Group
from liveops.incidents.telling import Told
from liveops.incidents.topology import Topology
from schema.incidents import Detection, Incident, public_incident
from schema.rules import Edge
from tests.aggregates import BEGIN_S, detection
from tests.correlating import Correlating

WEEKS_S = 2 * 7 * 86_400
HOSTILE = "\x01" * 256


class Run(Correlating):
    """A correlator that is told detections as they happen."""

    def take(self, item: Detection) -> None:
        self.fold(item, item.at_s)

    @property
    def group(self) -> Group:
        (group,) = self.groups.values()
        return group

    def event(self) -> bytes:
        values = self.commands[-1].values
        return incident_event(Incident(id="i", status="open", detected_at_s=0.0, **values))


def resolved(item: Detection, after_s: float = 150) -> Detection:
    return replace(item, state="resolved", at_s=item.at_s + after_s)


def test_a_series_that_flaps_for_weeks_is_one_incident_of_bounded_size() -> None:
    run, excursions = Run(), 0
    for onset_s in range(0, WEEKS_S, 430):
        item = detection("svc", float(BEGIN_S + onset_s), reason="x" * 200)
        run.take(item)
        run.take(resolved(item))
        excursions += 1
    assert len(run.group.members) == MAX_MEMBERS
    assert len(msgspec.json.encode(run.group)) < MAX_EVENT_BYTES
    assert len(run.event()) < MAX_EVENT_BYTES
    values = run.commands[-1].values
    assert values["detections_dropped"] + len(values["detections"]) == excursions
    assert f"And {excursions - 8} more detections." in values["description"]
    onsets = [item.onset_s - BEGIN_S for item in values["detections"]]
    assert onsets[0] == 0, "the first are kept"
    assert onsets[-1] > WEEKS_S - 500, "so are the last"


def test_an_outage_of_a_thousand_series_is_over_with_the_last_of_them() -> None:
    run = Run()
    items = [detection("svc", BEGIN_S, metric_type=f"m{n}") for n in range(1000)]
    run.fold_all(items, BEGIN_S)
    assert len(run.group.members) <= MAX_MEMBERS
    for item in items[:-1]:
        run.take(resolved(item))
    assert [c.status for c in run.commands if c.status] == []
    run.take(resolved(items[-1]))
    assert run.commands[-1].status == "resolved"


def test_services_beyond_the_detections_kept_are_still_named_and_severity_stays() -> None:
    run = Run(Topology(Edge(caller=f"s{n}", callee="db") for n in range(150)))
    run.take(detection("db", severity="critical"))
    run.take(resolved(detection("db", severity="critical")))
    run.take(detection("db", BEGIN_S + 30))
    for number in range(150):
        run.take(detection(f"s{number}", BEGIN_S + 60))
    values = run.commands[-1].values
    assert len(values["detections"]) <= MAX_MEMBERS
    assert len(values["affected_services"]) == 151
    assert (values["severity"], values["service_name"]) == ("critical", "db")


def test_stored_groups_from_before_the_bounds_are_cut_with_the_next_detection() -> None:
    items = [detection("svc", BEGIN_S + n, metric_type=f"m{n}") for n in range(1000)]
    run = Run()
    old = {"incident_id": "i", "topic": "t", "partition": 0, "first_offset": 0, "last_offset": 9,
           "changed_s": float(BEGIN_S), "hold_until_s": None,
           "members": {item.id: msgspec.to_builtins(item) for item in items}}  # fmt: skip
    run.correlator.order.put({"i": msgspec.convert(old, Group)})
    run.correlator.book["i"] = Told("i", "i", "", 0.0, {"title": "as it was"})
    run.take(detection("svc", BEGIN_S + 2000))
    assert run.commands[-1].before == {"title": "as it was"}
    assert (len(run.group.members), run.group.dropped) == (MAX_MEMBERS, 901)


def test_whatever_the_strings_the_event_is_bounded_and_well_formed() -> None:
    worst = [
        detection("s" * 128, BEGIN_S + n, metric_type="m" * 120 + f"{n:08}",
                  tags={f"{n}{HOSTILE[:250]}": HOSTILE for n in range(10, 26)}, reason=HOSTILE)
        for n in range(200)
    ]  # fmt: skip
    run = Run()
    for item in worst:
        run.take(item)
    assert len(run.event()) < MAX_EVENT_BYTES
    manual = Incident(
        id="i", status="open", detected_at_s=0.0, severity="low", service_name="s" * 128,
        title="\x01" * 300, description="\x01" * 20_000,
        affected_services=[f"{n:0128}" for n in range(5000)], detections=worst,
    )  # fmt: skip
    event = incident_event(manual)
    assert len(event) < MAX_EVENT_BYTES
    decoded = msgspec.json.decode(event)
    assert decoded.keys() == public_incident(manual).keys()
    assert decoded["detections_dropped"] + len(decoded["detections"]) == 200


def test_a_small_incident_is_told_as_it_is() -> None:
    run = Run()
    run.take(detection("svc"))
    incident = Incident(id="i", status="open", detected_at_s=0.0, **run.commands[-1].values)
    assert msgspec.json.decode(incident_event(incident)) == public_incident(incident)

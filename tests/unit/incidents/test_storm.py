"""Many services without a topology that begin to suffer alike at once are one incident."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from liveops.incidents.matching import STORM
from liveops.incidents.topology import Topology
from schema.incidents import Detection
from schema.rules import Edge
from tests.aggregates import BEGIN_S, detection
from tests.correlating import Correlating

NO_EDGES = Topology(())
#: Two chains of calls that fail at once, each for its own reason.
CHAINS = Topology(
    Edge(caller=f"{name}{n}", callee=f"{name}{n + 1}") for name in "ab" for n in range(2)
)


def correlate(
    found: list[Detection], topology: Topology = NO_EDGES, *, stored: bool = False
) -> Correlating:
    run = Correlating(topology)
    for item in found:
        run.fold(item, float(BEGIN_S))
        if stored:
            run.restart()
    run.release(BEGIN_S + 600.0)
    return run


def services(run: Correlating) -> list[list[str]]:
    return sorted(sorted(group.by_service) for group in run.groups.values())


def storm(count: int, metric: str = "latency_ms", onset_s: float = BEGIN_S) -> list[Detection]:
    return [detection(f"s{n:02d}", onset_s, metric_type=metric) for n in range(count)]


def test_a_few_strangers_stay_apart_and_more_are_one_incident() -> None:
    assert len(correlate(storm(STORM - 1)).groups) == STORM - 1
    run = correlate(storm(24))
    assert len(run.groups) == 1
    opened = [c.incident_id for c in run.commands if c.kind == "open"]
    ended = [c for c in run.commands if c.status == "resolved"]
    assert len(opened) == STORM - 1  # those before it was seen to be a storm
    (kept,) = run.current
    assert {c.incident_id for c in ended} == {*opened} - {kept}
    assert all(f"Merged into incident {kept}" in c.note for c in ended)
    assert run.commands[-1].values["affected_services"] == [f"s{n:02d}" for n in range(24)]


def test_a_storm_read_at_once_is_told_once() -> None:
    run = Correlating()
    run.fold_all(storm(24), float(BEGIN_S))
    assert [c.kind for c in run.commands] == ["open"]


@given(order=st.permutations(storm(8)), repeats=st.lists(st.integers(0, 7), max_size=4))
@settings(deadline=None)
def test_one_incident_whatever_the_order(order: list[Detection], repeats: list[int]) -> None:
    again = [*order, *(order[n] for n in repeats)]
    assert services(correlate(order)) == services(correlate(again, stored=True))
    assert len(correlate(order).groups) == 1


@given(shifts=st.lists(st.sampled_from([0.0, 60.0]), min_size=12, max_size=12), data=st.data())
@settings(deadline=None)
def test_late_ones_join_whatever_the_order(shifts: list[float], data: st.DataObject) -> None:
    pairs = zip(storm(12), shifts, strict=True)
    found = [replace(item, onset_s=item.onset_s + by) for item, by in pairs]
    assert len(correlate(data.draw(st.permutations(found))).groups) == 1


def test_other_metrics_and_other_minutes_are_other_storms() -> None:
    apart = [
        *storm(6),
        *(replace(item, service_name=f"e{item.service_name}") for item in storm(6, "errors")),
        *(
            replace(item, service_name=f"l{item.service_name}")
            for item in storm(6, onset_s=BEGIN_S + 600)
        ),
    ]
    assert len(correlate(apart).groups) == 3


def test_two_faults_that_a_topology_tells_apart_stay_two() -> None:
    failing = [detection(f"{name}{n}") for name in "ab" for n in range(3)]
    assert services(correlate(failing, CHAINS)) == [["a0", "a1", "a2"], ["b0", "b1", "b2"]]


def test_further_metrics_of_a_services_storm_belong_to_it() -> None:
    both = [*storm(6), *storm(6, "errors")]
    assert len(correlate(both).groups) == 1


def test_it_resolves_with_its_last_service_and_what_a_person_resolved_stays_out() -> None:
    run = correlate(storm(6))
    run.commands.clear()
    for item in storm(6):
        run.fold(replace(item, state="resolved", at_s=item.at_s + 300), BEGIN_S + 600.0)
    assert [c.status for c in run.commands if c.status] == ["resolved"]
    run = correlate(storm(6))
    run.heed(*run.current)
    run.fold(detection("new"), BEGIN_S + 600.0)
    assert len(run.groups) == 2

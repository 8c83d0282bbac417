"""Many services without a topology that begin to suffer alike at once are one incident."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from liveops.incidents.fold import fold, heed, release
from liveops.incidents.matching import STORM
from liveops.incidents.state import Command, Group, Groups, Source
from liveops.incidents.topology import Topology
from schema.incidents import Detection
from schema.rules import Edge
from tests.aggregates import BEGIN_S, detection

NO_EDGES = Topology(())
#: Two chains of calls that fail at once, each for its own reason.
CHAINS = Topology(
    Edge(caller=f"{name}{n}", callee=f"{name}{n + 1}") for name in "ab" for n in range(2)
)


def correlate(
    found: list[Detection], topology: Topology = NO_EDGES, *, stored: bool = False
) -> tuple[Groups, list[Command]]:
    groups: Groups = {}
    commands: list[Command] = []
    for offset, item in enumerate(found):
        source = Source("t", 0, offset, float(BEGIN_S), float(BEGIN_S))
        commands += fold(groups, item, source, topology)
        if stored:
            groups = msgspec.convert(msgspec.to_builtins(groups), dict[str, Group])
    commands += release(groups, topology, BEGIN_S + 600.0, BEGIN_S + 600.0)
    return groups, commands


def services(groups: Groups) -> list[list[str]]:
    return sorted(sorted({i.service_name for i in g.members.values()}) for g in groups.values())


def storm(count: int, metric: str = "latency_ms", onset_s: float = BEGIN_S) -> list[Detection]:
    return [detection(f"s{n:02d}", onset_s, metric_type=metric) for n in range(count)]


def test_a_few_strangers_stay_apart_and_more_are_one_incident() -> None:
    assert len(correlate(storm(STORM - 1))[0]) == STORM - 1
    groups, commands = correlate(storm(24))
    assert len(groups) == 1
    opened = [c.group.incident_id for c in commands if c.kind == "open"]
    ended = [c for c in commands if c.status == "resolved"]
    assert len(opened) == STORM - 1  # those before it was seen to be a storm
    assert {c.group.incident_id for c in ended} == {*opened} - groups.keys()
    (kept,) = groups
    assert all(f"Merged into incident {kept}" in c.note for c in ended)
    assert commands[-1].values["affected_services"] == [f"s{n:02d}" for n in range(24)]


@given(order=st.permutations(storm(8)), repeats=st.lists(st.integers(0, 7), max_size=4))
@settings(deadline=None)
def test_one_incident_whatever_the_order(order: list[Detection], repeats: list[int]) -> None:
    again = [*order, *(order[n] for n in repeats)]
    assert services(correlate(order)[0]) == services(correlate(again, stored=True)[0])
    assert len(correlate(order)[0]) == 1


@given(shifts=st.lists(st.sampled_from([0.0, 60.0]), min_size=12, max_size=12), data=st.data())
@settings(deadline=None)
def test_late_ones_join_whatever_the_order(shifts: list[float], data: st.DataObject) -> None:
    pairs = zip(storm(12), shifts, strict=True)
    found = [replace(item, onset_s=item.onset_s + by) for item, by in pairs]
    assert len(correlate(data.draw(st.permutations(found)))[0]) == 1


def test_other_metrics_and_other_minutes_are_other_storms() -> None:
    apart = [
        *storm(6),
        *(replace(item, service_name=f"e{item.service_name}") for item in storm(6, "errors")),
        *(
            replace(item, service_name=f"l{item.service_name}")
            for item in storm(6, onset_s=BEGIN_S + 600)
        ),
    ]
    assert len(correlate(apart)[0]) == 3


def test_two_faults_that_a_topology_tells_apart_stay_two() -> None:
    failing = [detection(f"{name}{n}") for name in "ab" for n in range(3)]
    assert services(correlate(failing, CHAINS)[0]) == [["a0", "a1", "a2"], ["b0", "b1", "b2"]]


def test_further_metrics_of_a_services_storm_belong_to_it() -> None:
    both = [*storm(6), *storm(6, "errors")]
    assert len(correlate(both)[0]) == 1


def test_it_resolves_with_its_last_service_and_what_a_person_resolved_stays_out() -> None:
    groups, _ = correlate(storm(6))
    over = [replace(item, state="resolved", at_s=item.at_s + 300) for item in storm(6)]
    commands: list[Command] = []
    for offset, item in enumerate(over):
        source = Source("t", 0, 100 + offset, BEGIN_S + 300.0, BEGIN_S + 300.0)
        commands += fold(groups, item, source, NO_EDGES)
    assert [c.status for c in commands if c.status] == ["resolved"]
    groups, _ = correlate(storm(6))
    heed(groups, set(groups))
    fold(groups, detection("new"), Source("t", 0, 200, 0.0, 0.0), NO_EDGES)
    assert len(groups) == 2

"""The correlator under any order, repetition and restart."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from liveops.incidents.flapping import flaps, stretches
from liveops.incidents.fold import HOLD_S, fold, release
from liveops.incidents.state import Command, Group, Groups, Source
from liveops.incidents.topology import Topology
from schema.incidents import Detection
from schema.rules import Edge
from tests.aggregates import BEGIN_S, detection

#: Two separate chains: a0 → a1 → a2 and b0 → b1 → b2.
CHAINS = Topology(
    Edge(caller=f"{name}{n}", callee=f"{name}{n + 1}") for name in "ab" for n in range(2)
)
FAILING = [detection(f"{name}{n}") for name in "ab" for n in range(3)]


def correlate(found: list[Detection], *, stored: bool = False) -> tuple[Groups, list[Command]]:
    groups: Groups = {}
    commands: list[Command] = []
    for offset, item in enumerate(found):
        source = Source("t", 0, offset, float(BEGIN_S), float(BEGIN_S))
        commands += fold(groups, item, source, CHAINS)
        if stored:
            groups = msgspec.convert(msgspec.to_builtins(groups), dict[str, Group])
    commands += release(groups, CHAINS, BEGIN_S + 5 + HOLD_S, BEGIN_S)
    return groups, commands


@given(order=st.permutations(FAILING))
@settings(deadline=None)
def test_each_chain_is_one_incident_whatever_the_order(order: list[Detection]) -> None:
    groups, commands = correlate(order)
    services = sorted(sorted(i.service_name for i in g.members.values()) for g in groups.values())
    assert services == [["a0", "a1", "a2"], ["b0", "b1", "b2"]]
    last = {c.group.incident_id: c.values["service_name"] for c in commands if c.values}
    assert {last[name] for name in groups} == {"a2", "b2"}


@given(order=st.permutations(FAILING), repeats=st.lists(st.integers(0, 5), max_size=6))
@settings(deadline=None)
def test_repeats_and_restarts_change_nothing(order: list[Detection], repeats: list[int]) -> None:
    _, once = correlate(order)
    _, again = correlate([*order, *(order[n] for n in repeats)], stored=True)
    assert [(c.kind, c.status, c.group.incident_id) for c in again] == [
        (c.kind, c.status, c.group.incident_id) for c in once
    ]


@given(order=st.permutations(FAILING), ends=st.permutations(FAILING))
@settings(deadline=None)
def test_every_incident_is_resolved_once_all_is_healthy(
    order: list[Detection], ends: list[Detection]
) -> None:
    over = [replace(item, state="resolved", at_s=item.at_s + 300) for item in ends]
    _, commands = correlate([*order, *over])
    balance: dict[str, int] = {}
    for command in commands:
        name = command.group.incident_id
        balance[name] = balance.get(name, 0) + (command.kind == "open")
        balance[name] += {"resolved": -1, "open": 1, None: 0}[command.status]
    assert set(balance.values()) == {0}


@given(gaps=st.lists(st.integers(60, 290), min_size=2, max_size=8), data=st.data())
@settings(deadline=None)
def test_what_flaps_is_the_same_whatever_was_repeated_or_restarted(
    gaps: list[int], data: st.DataObject
) -> None:
    found: list[Detection] = []
    at_s = float(BEGIN_S)
    for number, gap_s in enumerate(gaps):
        first = replace(detection("b0"), id=f"turn-{number}", onset_s=at_s, at_s=at_s)
        found += [first, replace(first, state="resolved", at_s=at_s + 60)]
        at_s += 60 + gap_s
    repeated = list(found)
    for _ in range(data.draw(st.integers(0, 6))):
        # A crash reads records again right after they were read.
        place = data.draw(st.integers(0, len(repeated) - 1))
        repeated.insert(place + 1, repeated[place])
    _, once = correlate(found)
    groups, again = correlate(repeated, stored=True)
    told = [(c.kind, c.status, c.group.incident_id) for c in once]
    assert [(c.kind, c.status, c.group.incident_id) for c in again] == told
    assert sum(c.status == "resolved" for c in once) <= 2
    (group,) = groups.values()
    assert flaps(group) is (len(gaps) >= 3)


@given(order=st.permutations(range(6)))
def test_whether_it_flaps_is_a_matter_of_the_set_of_detections(order: list[int]) -> None:
    turns = [
        replace(
            detection("b0"), id=f"t{n}", state="resolved", onset_s=BEGIN_S + 200.0 * n,
            at_s=BEGIN_S + 200.0 * n + 60,
        )
        for n in range(6)
    ]  # fmt: skip
    assert stretches(turns[n] for n in order) == stretches(turns)

"""The correlator under any order, repetition and restart."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from liveops.incidents.flapping import flaps, stretches
from liveops.incidents.fold import HOLD_S
from liveops.incidents.topology import Topology
from schema.incidents import Detection
from schema.rules import Edge
from tests.aggregates import BEGIN_S, detection
from tests.correlating import Correlating

#: Two separate chains: a0 → a1 → a2 and b0 → b1 → b2.
CHAINS = Topology(
    Edge(caller=f"{name}{n}", callee=f"{name}{n + 1}") for name in "ab" for n in range(2)
)
FAILING = [detection(f"{name}{n}") for name in "ab" for n in range(3)]


def correlate(found: list[Detection], *, stored: bool = False) -> Correlating:
    run = Correlating(CHAINS)
    for item in found:
        run.fold(item, float(BEGIN_S))
        if stored:
            run.restart()
    run.release(BEGIN_S + 5 + HOLD_S)
    return run


def told(run: Correlating) -> list[tuple[str, str | None, str]]:
    """What became of the incidents, in order."""
    return [(c.kind, c.status, c.incident_id) for c in run.commands]


@given(order=st.permutations(FAILING))
@settings(deadline=None)
def test_each_chain_is_one_incident_whatever_the_order(order: list[Detection]) -> None:
    run = correlate(order)
    services = sorted(sorted(group.by_service) for group in run.groups.values())
    assert services == [["a0", "a1", "a2"], ["b0", "b1", "b2"]]
    last = {c.incident_id: c.values["service_name"] for c in run.commands if c.values}
    assert {last[name] for name in run.current} == {"a2", "b2"}


@given(order=st.permutations(FAILING), repeats=st.lists(st.integers(0, 5), max_size=6))
@settings(deadline=None)
def test_repeats_and_restarts_change_nothing(order: list[Detection], repeats: list[int]) -> None:
    again = correlate([*order, *(order[n] for n in repeats)], stored=True)
    assert told(again) == told(correlate(order))


@given(order=st.permutations(FAILING), ends=st.permutations(FAILING))
@settings(deadline=None)
def test_every_incident_is_resolved_once_all_is_healthy(
    order: list[Detection], ends: list[Detection]
) -> None:
    over = [replace(item, state="resolved", at_s=item.at_s + 300) for item in ends]
    balance: dict[str, int] = {}
    for command in correlate([*order, *over]).commands:
        name = command.incident_id
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
    once, again = correlate(found), correlate(repeated, stored=True)
    assert told(again) == told(once)
    assert sum(c.status == "resolved" for c in once.commands) <= 2
    (group,) = again.groups.values()
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

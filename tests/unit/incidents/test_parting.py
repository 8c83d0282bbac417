"""Split by hand, and one call that undoes a split or a merge; the correlator leaves it so."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from liveops.errors import IllegalChange
from liveops.incidents.by_hand import Parted, split, undo
from liveops.incidents.telling import group_of
from liveops.incidents.topology import Topology
from schema.rules import Edge
from tests.aggregates import BEGIN_S, detection
from tests.correlating import Correlating

CALLS = Topology([Edge(caller="shop", callee="cart"), Edge(caller="cart", callee="db")])
NOW_S = float(BEGIN_S)


def one_incident() -> tuple[Correlating, str]:
    run = Correlating(CALLS)
    run.fold_all([detection(name) for name in ("db", "cart", "shop")], NOW_S)
    run.release(NOW_S + 60)
    (name,) = run.current
    run.commands.clear()
    return run, name


def part(run: Correlating, name: str, *services: str) -> Parted:
    parted = split(run.correlator, name, services, "new", run.topology, NOW_S)
    run.commands += parted.commands
    return parted


def put_back(run: Correlating, name: str) -> Parted:
    parted = undo(run.correlator, name, run.topology)
    run.commands += parted.commands
    return parted


def services(run: Correlating, name: str) -> list[str]:
    group = group_of(run.correlator.book[name], run.groups)
    assert group is not None
    return sorted(group.by_service)


def test_what_is_split_off_is_an_incident_and_stays_apart() -> None:
    run, name = one_incident()
    parted = part(run, name, "shop")
    assert [(c.kind, c.incident_id) for c in parted.commands] == [("open", "new"), ("change", name)]
    assert parted.commands[0].values["affected_services"] == ["shop"]
    assert parted.commands[1].values["affected_services"] == ["cart", "db"]
    run.restart()
    # A dependency of shop and shop itself have news: what would have made them one.
    for service in ("cart", "shop"):
        run.fold(detection(service, metric_type="error_rate"), NOW_S + 60)
    assert (services(run, "new"), services(run, name)) == (["shop"], ["cart", "db"])
    over = replace(detection("shop"), state="resolved", at_s=BEGIN_S + 300.0)
    assert [c.incident_id for c in run.fold(over, NOW_S + 300)] == ["new"]


def test_who_began_it_may_be_split_off() -> None:
    run, name = one_incident()
    first = run.correlator.book[name].anchor
    service = next(one for one in ("db", "cart", "shop") if detection(one).id == first)
    part(run, name, service)
    run.restart()
    run.fold(replace(detection(service), value=900.0, at_s=NOW_S + 90), NOW_S + 90)
    assert services(run, "new") == [service]
    assert service not in services(run, name)
    assert len(run.current) == 2


def test_a_split_is_undone() -> None:
    run, name = one_incident()
    part(run, name, "shop")
    parted = put_back(run, "new")
    assert (parted.incident_id, parted.other_id) == ("new", name)
    assert run.current == {name}
    assert services(run, name) == ["cart", "db", "shop"]
    gone = next(c for c in parted.commands if c.incident_id == "new")
    assert (gone.status, gone.note) == ("resolved", f"Merged into incident {name}.")


def test_a_merge_is_undone_and_not_made_again() -> None:
    both = Topology([Edge(caller="cart", callee="db"), Edge(caller="lone", callee="db")])
    run = Correlating(both)
    run.fold(detection("cart"), NOW_S + 60, NOW_S)
    (cart,) = run.current
    run.fold(detection("lone", metric_type="m"), NOW_S + 60, NOW_S + 1)
    (lone,) = run.current - {cart}
    commands = run.fold(detection("db"), NOW_S + 60, NOW_S + 2)
    assert [c.incident_id for c in commands if c.note] == [lone]
    run.restart()
    parted = put_back(run, lone)
    assert (parted.incident_id, parted.other_id) == (lone, cart)
    assert services(run, lone) == ["lone"]
    again = next(c for c in parted.commands if c.incident_id == lone)
    assert again.status == "open"
    run.fold(detection("db", metric_type="error_rate"), NOW_S + 60)
    assert run.current == {cart, lone}


def test_what_cannot_be_parted_is_refused() -> None:
    run, name = one_incident()
    for chosen in (["gone"], ["cart", "db", "shop"], []):
        with pytest.raises(IllegalChange):
            part(run, name, *chosen)
    with pytest.raises(IllegalChange):
        part(run, "gone", "shop")
    with pytest.raises(IllegalChange):
        put_back(run, name)
    assert services(run, name) == ["cart", "db", "shop"]

"""Split by hand, and one call that undoes a split or a merge; the correlator leaves it so."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from liveops.errors import IllegalChange
from liveops.incidents.fold import fold, release
from liveops.incidents.parting import split, undo
from liveops.incidents.state import Group, Groups, Source
from liveops.incidents.topology import Topology
from schema.rules import Edge
from tests.aggregates import BEGIN_S, detection

CALLS = Topology([Edge(caller="shop", callee="cart"), Edge(caller="cart", callee="db")])
SOURCE = Source("t", 0, 7, float(BEGIN_S), float(BEGIN_S))


def one_incident() -> tuple[Groups, str]:
    groups: Groups = {}
    for name in ("db", "cart", "shop"):
        fold(groups, detection(name), SOURCE, CALLS)
    release(groups, CALLS, BEGIN_S + 60.0, BEGIN_S + 60.0)
    (name,) = groups
    return groups, name


def services(groups: Groups, name: str) -> list[str]:
    return sorted({item.service_name for item in groups[name].members.values()})


def test_what_is_split_off_is_an_incident_and_stays_apart() -> None:
    groups, name = one_incident()
    parted = split(groups, name, ["shop"], "new", CALLS)
    assert [(c.kind, c.group.incident_id) for c in parted.commands] == [
        ("open", "new"), ("change", name),
    ]  # fmt: skip
    assert parted.commands[0].values["affected_services"] == ["shop"]
    assert parted.commands[1].values["affected_services"] == ["cart", "db"]
    groups = msgspec.convert(msgspec.to_builtins(groups), dict[str, Group])
    # A dependency of shop and shop itself have news: what would have made them one.
    fold(groups, detection("cart", metric_type="error_rate"), SOURCE, CALLS)
    fold(groups, detection("shop", metric_type="error_rate"), SOURCE, CALLS)
    assert (services(groups, "new"), services(groups, name)) == (["shop"], ["cart", "db"])
    over = replace(detection("shop"), state="resolved", at_s=BEGIN_S + 300.0)
    assert fold(groups, over, SOURCE, CALLS)[0].group.incident_id == "new"


def test_a_split_is_undone() -> None:
    groups, name = one_incident()
    split(groups, name, ["shop"], "new", CALLS)
    parted = undo(groups, "new", CALLS)
    assert (parted.incident_id, parted.other_id) == ("new", name)
    assert groups.keys() == {name}
    assert services(groups, name) == ["cart", "db", "shop"]
    gone = next(c for c in parted.commands if c.group.incident_id == "new")
    assert (gone.status, gone.note) == ("resolved", f"Merged into incident {name}.")


def test_a_merge_is_undone_and_not_made_again() -> None:
    groups: Groups = {}
    fold(groups, detection("cart"), SOURCE, CALLS)
    release(groups, CALLS, BEGIN_S + 60.0, BEGIN_S + 60.0)
    (cart,) = groups
    fold(groups, detection("lone", metric_type="m"), SOURCE, CALLS)
    lone = next(name for name in groups if name != cart)
    both = Topology([Edge(caller="cart", callee="db"), Edge(caller="lone", callee="db")])
    commands = fold(groups, detection("db"), SOURCE, both)
    assert [c.group.incident_id for c in commands if c.note] == [lone]
    parted = undo(groups, lone, both)
    assert (parted.incident_id, parted.other_id) == (lone, cart)
    assert services(groups, lone) == ["lone"]
    again = next(c for c in parted.commands if c.group.incident_id == lone)
    assert again.status == "open"
    fold(groups, detection("db", metric_type="error_rate"), SOURCE, both)
    assert groups.keys() == {cart, lone}


def test_what_cannot_be_parted_is_refused() -> None:
    groups, name = one_incident()
    for chosen in (["gone"], ["cart", "db", "shop"], []):
        with pytest.raises(IllegalChange):
            split(groups, name, chosen, "new", CALLS)
    with pytest.raises(IllegalChange):
        split(groups, "gone", ["shop"], "new", CALLS)
    with pytest.raises(IllegalChange):
        undo(groups, name, CALLS)
    assert services(groups, name) == ["cart", "db", "shop"]

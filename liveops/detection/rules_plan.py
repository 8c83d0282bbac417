"""What has to change so that the rules are those of a file. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from msgspec import structs

from schema.rules import Rule

#: What a version of a rule consists of beside its content.
_NOT_CONTENT = frozenset({"id", "version"})


@dataclass(frozen=True, slots=True)
class Change:
    """One rule as it is to be, and what of it differs: field → (before, after)."""

    kind: Literal["add", "change", "remove", "keep"]
    rule: Rule
    fields: dict[str, tuple[Any, Any]]


def plan(existing: Sequence[Rule], wanted: Sequence[Rule], *, prune: bool = False) -> list[Change]:
    """Changes that turn the existing rules into the wanted ones, in the order of the file.

    A wanted rule is the existing one with its id, else the one with its name. Others are
    removed only if `prune`. Raises ValueError where two of the file would be one.
    """
    by_id = {rule.id: rule for rule in existing}
    by_name: dict[str, Rule] = {}
    for rule in existing:
        by_name.setdefault(rule.name, rule)
    changes: list[Change] = []
    meant: set[str] = set()
    for rule in wanted:
        known = by_id.get(rule.id) or by_name.get(rule.name)
        if known is not None and known.id in meant:
            raise ValueError(f"the rule {rule.name!r} is there twice")
        if known is None:
            changes.append(Change("add", rule, {}))
            meant.add(rule.id)
            by_name[rule.name] = by_id[rule.id] = rule
            continue
        meant.add(known.id)
        fields = _differences(known, rule)
        same = structs.replace(rule, id=known.id, version=known.version)
        changes.append(Change("change" if fields else "keep", same, fields))
    if prune:
        gone = [rule for rule in existing if rule.id not in meant]
        changes += [Change("remove", rule, {}) for rule in gone]
    return changes


def _differences(before: Rule, after: Rule) -> dict[str, tuple[Any, Any]]:
    old, new = structs.asdict(before), structs.asdict(after)
    return {
        name: (old[name], new[name])
        for name in new
        if name not in _NOT_CONTENT and old[name] != new[name]
    }

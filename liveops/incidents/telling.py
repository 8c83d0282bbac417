"""What an incident is told of its group. Pure."""

from __future__ import annotations

from typing import Any, Literal

from liveops.incidents.flapping import flaps
from liveops.incidents.state import EDITABLE, Command, Group
from liveops.incidents.topology import Topology
from liveops.incidents.wording import content


def tell(group: Group, topology: Topology) -> list[Command]:
    """The change that brings the incident up to the group."""
    quiet = group.quiet
    status: Literal["open", "resolved"] | None = None
    if quiet and not group.resolved:
        # What flaps is resolved by `release`, once it has been quiet for longer.
        status = None if flaps(group) else "resolved"
    elif group.resolved and not quiet:
        status = "open"
    group.resolved = quiet and (group.resolved or status == "resolved")
    before, values = group.last_published, content(group, topology)
    group.last_published, group.told_s = _human(values), group.changed_s
    return [Command("change", group, values, before, status)]


def begin(group: Group, topology: Topology) -> Command:
    """The command that opens the incident of a group."""
    group.hold_until_s = None
    values = content(group, topology)
    group.last_published, group.told_s = _human(values), group.changed_s
    return Command("open", group, values, {})


def _human(values: dict[str, Any]) -> dict[str, Any]:
    """What a person may change too."""
    return {name: values[name] for name in EDITABLE}

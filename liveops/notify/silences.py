"""Who is told that a silence has begun or ended. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Literal

from liveops.notify.receiver import Receiver
from liveops.notify.routing import next_within
from schema.ids import derived_id
from schema.rules import Silence

State = Literal["begun", "ended"]
#: How silences are told of; other receivers hold alerts, which a silence is not.
TOLD_OF_SILENCES: frozenset[str] = frozenset({"webhook", "slack", "apprise"})


def wanting(receivers: Iterable[Receiver], silence: Silence) -> list[Receiver]:
    """Those that are told of this silence; a route hears of what may mute some of its own."""
    return [one for one in receivers if one.enabled and one.silences and _is_about(one, silence)]


def _is_about(receiver: Receiver, silence: Silence) -> bool:
    match = receiver.match
    if silence.severity and match.severities and silence.severity not in match.severities:
        return False
    mine, muted = match.service, silence.service
    return fnmatchcase(mine, muted) or fnmatchcase(muted, mine)


def due_s(receiver: Receiver, now_s: float) -> float:
    """When a receiver is told of what happens now."""
    return now_s if receiver.match.hours is None else next_within(receiver.match.hours, now_s)


def delivery_id(receiver: Receiver, silence: Silence, begins_s: float, state: State) -> str:
    """The same in every retry and copy."""
    return derived_id("delivery", receiver.id, silence.id, begins_s, state)

"""Many events as one message, for people. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from liveops.notify.message import SIGNS, Notice, headline, is_of_silence
from schema.incidents import SEVERITIES

#: Messages a receiver that people read gets in a minute; what is more comes in digests.
PER_MINUTE = 20
#: So many that wait at once make a digest; at most so many go into one.
DIGEST_FROM, DIGEST_OF = 10, 100
_LINES = 20


@dataclass(frozen=True, slots=True)
class Digest:
    """A title, and the gravest first."""

    title: str
    lines: tuple[str, ...]


def digest_of(notices: Sequence[Notice], link: str = "") -> Digest:
    """One message of many."""
    counts = Counter(notice.event for notice in notices)
    parts = ", ".join(f"{counts[event]} {event}" for event in SIGNS if counts[event])
    ranked = sorted(notices, key=_gravity)
    lines = [headline(notice) for notice in ranked[:_LINES]]
    if len(ranked) > _LINES:
        lines.append(f"… and {len(ranked) - _LINES} more")
    if link:
        lines.append(link)
    return Digest(f"{len(notices)} incident events: {parts}", tuple(lines))


def _gravity(notice: Notice) -> int:
    """Silences come last."""
    if is_of_silence(notice):
        return len(SEVERITIES)
    return SEVERITIES.index(notice.incident["severity"])


def room(sent: int, in_hand: int, waiting: int) -> tuple[int, bool]:
    """How many to take now, and whether as one message.

    `sent` left within a minute, `in_hand` are on their way, `waiting` could leave.
    """
    free = PER_MINUTE - sent - in_hand
    if free <= 0 or waiting <= 0:
        return 0, False
    if waiting > min(DIGEST_FROM, free):
        return DIGEST_OF, True
    return waiting, False

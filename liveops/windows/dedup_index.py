"""Ids of metrics seen lately, so that a repeated call counts once. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

#: Ids are kept by the minute they were seen in, in parts small enough to store whole.
PART_IDS = 8192
_MINUTE_S = 60

#: (minute of the broker's time, number of the part)
Part = tuple[int, int]


@dataclass(slots=True)
class DedupIndex:
    """16-byte ids, also listed by part for storing and forgetting."""

    known: set[bytes] = field(default_factory=set)
    parts: dict[Part, list[bytes]] = field(default_factory=dict)
    #: The part being filled, by minute.
    last: dict[int, int] = field(default_factory=dict)
    #: Parts changed, and parts dropped, since the last checkpoint.
    unstored: set[Part] = field(default_factory=set)
    dropped: set[Part] = field(default_factory=set)

    def remember(self, identity: bytes, append_s: float) -> bool:
        """Whether the id is new; it is remembered."""
        if identity in self.known:
            return False
        self.known.add(identity)
        minute = int(append_s // _MINUTE_S) * _MINUTE_S
        number = self.last.setdefault(minute, 0)
        if len(self.parts.get((minute, number), ())) >= PART_IDS:
            number = self.last[minute] = number + 1
        self.parts.setdefault((minute, number), []).append(identity)
        self.unstored.add((minute, number))
        return True

    def restore(self, part: Part, identities: list[bytes]) -> None:
        """Put back a stored part."""
        self.parts[part] = identities
        self.known.update(identities)
        self.last[part[0]] = max(part[1], self.last.get(part[0], 0))

    def forget(self, before_s: float) -> None:
        """Drop what was seen before this broker time."""
        for part in [part for part in self.parts if part[0] + _MINUTE_S <= before_s]:
            self.known.difference_update(self.parts.pop(part))
            self.last.pop(part[0], None)
            self.unstored.discard(part)
            self.dropped.add(part)

"""The newest window of each series as Redis shows it, and which fields are out of date."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from liveops.series.registry import Registry

#: A window that starts this long before its hash's newest is removed from it.
KEEP_S = 1800
#: A hash that is not written for so long expires in Redis, and is forgotten here.
TTL_S = 1800


@dataclass(slots=True)
class _Shown:
    """What one hash shows: start of the newest window by series; when it was last written."""

    starts: Registry[str] = field(default_factory=Registry)
    newest_s: float = 0.0
    written_s: float = 0.0
    #: Whether what an earlier worker wrote is known.
    adopted: bool = False


class ShownWindows:
    """What is shown under each key; a series takes no room longer than it is shown."""

    def __init__(self) -> None:
        self._by_key: dict[str, _Shown] = {}

    def is_newest(self, key: str, series: str, start_s: int, now_s: float) -> bool:
        """Whether this window is to be shown; it is noted then."""
        shown = self._by_key.get(key)
        if shown is None:
            shown = self._by_key[key] = _Shown()
        if start_s < (shown.starts.last_seen_s(series) or 0.0):
            return False
        shown.starts.touch(series, start_s)
        shown.newest_s = max(shown.newest_s, start_s)
        shown.written_s = now_s
        return True

    def unknown(self, keys: Iterable[str]) -> list[str]:
        """Keys of which it is not known what an earlier worker has written."""
        return [key for key in keys if key in self._by_key and not self._by_key[key].adopted]

    def adopt(self, key: str, starts: dict[str, int]) -> None:
        """Take over what an earlier worker has written."""
        shown = self._by_key.setdefault(key, _Shown())
        for series, start_s in starts.items():
            shown.starts.touch(series, start_s)
        shown.adopted = True

    def take_outdated(self) -> Iterator[tuple[str, list[str]]]:
        """Key and series whose windows are too old beside its newest; they are forgotten."""
        for key, shown in list(self._by_key.items()):
            gone = shown.starts.expired(shown.newest_s - KEEP_S)
            for series in gone:
                shown.starts.forget(series)
            if gone:
                yield key, gone

    def forget_expired(self, now_s: float) -> None:
        """Forget keys that Redis has forgotten."""
        for key in [k for k, shown in self._by_key.items() if shown.written_s < now_s - TTL_S]:
            del self._by_key[key]

    def __len__(self) -> int:
        return sum(len(shown.starts) for shown in self._by_key.values())

"""When a worker that still answers must be replaced: it has work and does none. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

PATIENCE_S = 30.0


@dataclass(slots=True)
class Watchdog:
    """Alive unless a partition's lag stays without progress while all stores answer.

    While a store is away nothing can progress, and a new process would not help: the
    stores must have answered for as long as the partition has stood still. Times are in
    seconds of one monotonic clock.
    """

    patience_s: float = PATIENCE_S
    #: (committed offset, since when) of the partitions that lag.
    _standing: dict[Hashable, tuple[int, float]] = field(default_factory=dict)
    _healthy_since_s: float | None = None

    def observe(
        self,
        now_s: float,
        committed: Mapping[Any, int],
        ends: Mapping[Any, int],
        *,
        healthy: bool,
    ) -> None:
        """What a look showed: committed and end offsets, and whether the stores answer."""
        if not healthy:
            self._healthy_since_s = None
        elif self._healthy_since_s is None:
            self._healthy_since_s = now_s
        standing: dict[Hashable, tuple[int, float]] = {}
        for partition, end in ends.items():
            offset = committed.get(partition, -1)
            if offset < end:
                before = self._standing.get(partition)
                same = before is not None and before[0] == offset
                standing[partition] = before if before and same else (offset, now_s)
        self._standing = standing

    def stuck(self, now_s: float) -> list[Hashable]:
        """Partitions that stand still though nothing they need is away."""
        if self._healthy_since_s is None or now_s - self._healthy_since_s < self.patience_s:
            return []
        return [p for p, (_, since) in self._standing.items() if now_s - since >= self.patience_s]

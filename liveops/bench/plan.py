"""What to measure; imports nothing heavy, as the command line reads its defaults here."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

#: Some ten seconds of work: of four, a third were the start and the last windows.
EVENTS = 2_400_000
#: Fewer would leave minutes of a service without an event.
FEWEST_EVENTS = 10_000
RATE = 5000
SECONDS = 30.0


class Scenario(StrEnum):
    """Parts of `liveops bench pipeline`."""

    single = "single"
    batch = "batch"
    miskeyed = "miskeyed"
    garbage = "garbage"
    counters = "counters"
    series = "series"
    age = "age"
    archive = "archive"


@dataclass(frozen=True, slots=True)
class Plan:
    """Events of a scenario; live events a second and for how long (`age`).

    All scenarios run when `only` is empty; private data directories go into `folder`.
    """

    events: int = EVENTS
    rate: int = RATE
    seconds: float = SECONDS
    only: tuple[Scenario, ...] = ()
    folder: Path | None = None

    @property
    def scenarios(self) -> set[Scenario]:
        """Those that run: `batch`, `garbage` and `counters` are measured against `single`."""
        wanted = set(self.only or Scenario)
        beside = wanted & {Scenario.batch, Scenario.garbage, Scenario.counters}
        return wanted | {Scenario.single} if beside else wanted

    @property
    def place(self) -> Path:
        """Where private data directories are made."""
        return self.folder or Path(tempfile.gettempdir())

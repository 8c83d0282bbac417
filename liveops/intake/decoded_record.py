"""What one record of `metrics.raw` holds, read with care: metrics and faults. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from liveops.intake.faults import MAX_FAULTS, Fault
from schema.metrics import Metric, MetricFault


@dataclass(slots=True)
class DecodedRecord:
    """What a record holds: metrics, in `items` the position of each in it, and faults.

    A metric that brought no id has the id "".
    """

    metrics: list[Metric] = field(default_factory=list)
    items: list[int] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    #: Bad items, also those that no fault tells.
    bad: int = 0

    def add_fault(
        self, reason: str, index: int | None, detail: str, payload: bytes | None = None
    ) -> None:
        """One more bad item; told up to MAX_FAULTS, and one that counts the rest."""
        self.bad += 1
        if self.bad <= MAX_FAULTS:
            self.faults.append(Fault(reason, index, detail, payload))
        elif self.bad == MAX_FAULTS + 1:
            self.faults.append(Fault(reason, index, detail, payload, more=1))
        else:
            last = self.faults[-1]
            last.more += 1

    def refuse(self, reason: str, detail: str) -> None:
        """Nothing of the record counts."""
        self.metrics, self.items, self.faults, self.bad = [], [], [], 0
        self.add_fault(reason, None, detail)

    def take(self, verdict: Metric | MetricFault, index: int | None, item: bytes) -> None:
        """The verdict on an item of the record, or on the record where `index` is None."""
        if isinstance(verdict, MetricFault):
            where = ".".join(str(part) for part in verdict.loc)
            detail = f"{where}: {verdict.msg}".lstrip(": ")
            payload = None if index is None else item
            self.add_fault(verdict.reason, index, detail, payload)
            return
        self.metrics.append(verdict)
        self.items.append(index or 0)

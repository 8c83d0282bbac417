"""What became of the rows of a file, for the one who sends it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from schema.metrics import MetricFault

#: Refused rows that are named one by one.
NAMED = 20
_MOST_CHARS = 200


@dataclass(slots=True)
class Refusals:
    """Rows that are not sent: how many for which reason, the first with their lines."""

    counts: Counter[str] = field(default_factory=Counter)
    named: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        """All of them."""
        return self.counts.total()

    def add(self, line: int, fault: MetricFault) -> None:
        """Note one row."""
        self.counts[fault.reason] += 1
        if len(self.named) < NAMED:
            where = ".".join(map(str, fault.loc))
            text = f"line {line}: {where + ': ' if where else ''}{fault.msg}"
            self.named.append(printable(text))

    def summary(self) -> str:
        """The counts in one line."""
        reasons = ", ".join(f"{count} {reason}" for reason, count in self.counts.most_common())
        return f"not sent: {self.count} ({reasons})"

    def lines(self) -> list[str]:
        """The first by name, then how many more."""
        more = self.count - len(self.named)
        return [*self.named, *([f"and {more} more"] if more else [])]


@dataclass(slots=True)
class Outcome:
    """How far sending has come: `sent` metrics acknowledged, the first `done` rows settled."""

    sent: int = 0
    done: int = 0
    refused: Refusals = field(default_factory=Refusals)


def printable(text: str) -> str:
    """One line that any terminal can show."""
    shown = "".join(sign if sign.isprintable() else "?" for sign in text)
    return shown if len(shown) <= _MOST_CHARS else shown[: _MOST_CHARS - 1] + "…"

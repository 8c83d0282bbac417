"""A result for people and for programs."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any

from tests.chaos.run import Result

SHOWN = 20


def table(result: Result) -> str:
    """Figures, kills and the first differences."""
    lines = [f"{name:<26} {value}" for name, value in result.figures.items()]
    lines += [f"failed: {text}" for text in result.failures]
    counted = Counter(difference.where for difference in result.differences)
    lines.append(f"differences: {sum(counted.values())} {dict(counted) or ''}".rstrip())
    lines += [f"  {difference}" for difference in first(result)]
    lines.append("PASSED" if result.passed else f"FAILED (seed {result.plan.seed})")
    return "\n".join(lines)


def first(result: Result) -> list[str]:
    """The first differences, some of each kind."""
    shown: list[str] = []
    kinds = Counter(difference.where for difference in result.differences)
    share = max(1, SHOWN // max(1, len(kinds)))
    for kind in kinds:
        shown += [str(d) for d in result.differences if d.where == kind][:share]
    return shown[:SHOWN]


def public(result: Result) -> dict[str, Any]:
    """JSON form."""
    return {
        "passed": result.passed,
        "plan": asdict(result.plan),
        "figures": result.figures,
        "failures": result.failures,
        "kills": [kill.public() for kill in result.kills],
        "differences": [difference._asdict() for difference in result.differences],
    }

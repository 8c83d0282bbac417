"""Prints the table: `python -m tests.eval`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import structlog

from liveops.rca.callgraph import CallGraph
from liveops.rca.deviation import deviations
from liveops.rca.investigation import Investigation, conclude
from liveops.rca.ranking import Symptom
from tests.eval import crowd, deadlines, model
from tests.eval.recorded import missing, recorded, renamed
from tests.eval.scenarios import Case, generated

_HEADER = (
    f"{'':24}{'cases':>6}{'top-1':>7}{'top-3':>7}{'top-5':>7}{'named':>7}{'none':>7}"
    f"{'bold':>7}{'ms':>7}"
)


@dataclass
class Tally:
    """Places of the true service and what was said, for one row of the table."""

    places: list[int] = field(default_factory=list)
    none: list[bool] = field(default_factory=list)
    named: list[bool] = field(default_factory=list)
    bold: list[bool] = field(default_factory=list)
    took_s: list[float] = field(default_factory=list)
    sure: list[tuple[float, bool]] = field(default_factory=list)

    def add(self, case: Case, found: Investigation, took_s: float) -> None:
        """Count one answer."""
        names = [one.service_name for one in found.candidates]
        right = bool(names) and names[0] in case.truth
        if case.truth:
            places = [names.index(name) + 1 for name in case.truth if name in names]
            self.places.append(min(places, default=sys.maxsize))
        self.none.append(found.verdict == "inconclusive")
        self.named.append(right and found.verdict == "cause_found")
        self.bold.append(not right and found.confidence >= model.CONFIDENT)
        self.sure.append((found.confidence, right))
        self.took_s.append(took_s)

    def row(self, name: str) -> str:
        """One line: AS@k, right and named, inconclusive, wrong but confident, time a case."""
        share = [_share([place <= k for place in self.places]) for k in (1, 3, 5)]
        share += [_share(self.named), _share(self.none), _share(self.bold)]
        figures = "".join(f"{value:7.3f}" for value in share)
        took_ms = 1000 * sum(self.took_s) / max(len(self.took_s), 1)
        return f"{name:24}{len(self.none):6}{figures}{took_ms:7.0f}"


def _share(flags: list[bool]) -> float:
    return sum(flags) / len(flags) if flags else 0.0


def answer(case: Case) -> Investigation:
    """The ranking as the command makes it."""
    names = {s.service_name for s in case.samples} | {n for edge in case.edges for n in edge}
    return conclude(
        deviations(case.samples, case.at_s),
        CallGraph(case.edges),
        Symptom(case.symptom_service, case.symptom_metric),
        services=names,
    )


def tally(cases: Iterable[Case]) -> dict[str, Tally]:
    """Answers by group, and all of them."""
    rows: dict[str, Tally] = {}
    for case in cases:
        begun = time.perf_counter()
        found = answer(case)
        took_s = time.perf_counter() - begun
        for name in (case.group, "all"):
            rows.setdefault(name, Tally()).add(case, found, took_s)
    return rows


def _recorded() -> None:
    if missing():
        print(f"left out, recorded faults: not there: {missing()}")
        return
    cases = list(recorded())
    groups = {
        "PetShop low": [c for c in cases if c.name.startswith("petshop") and c.truth],
        "  all nodes renamed": [
            renamed(c) for c in cases if c.name.startswith("petshop") and c.truth
        ],
        "  quiet windows": [c for c in cases if not c.truth],
        "Nezha 08-22": [c for c in cases if c.name.startswith("nezha")],
    }
    for name, chosen in groups.items():
        print(tally(chosen)["all"].row(name), flush=True)


def _generated(per_family: int, seed: int) -> None:
    rows = tally(generated(per_family, seed))
    for name in sorted(rows, key=lambda name: (name == "all", name)):
        print(rows[name].row(name))
    print("\nconfidence      cases  right")
    for low in range(0, 100, 10):
        said = [right for sure, right in rows["all"].sure if low <= 100 * sure < low + 10]
        if said:
            print(f"{low / 100:.1f} to {low / 100 + 0.1:.1f} {len(said):9} {_share(said):6.2f}")


async def _model(per_family: int, seed: int) -> None:
    """What a model makes of the same kinds of incidents."""
    cases = [(case, answer(case)) for case in generated(per_family, seed)]
    print(f"\n{model.HEADER}")
    async for row in model.rows(cases):
        print(row, flush=True)


def main() -> None:
    """Recorded faults, then generated ones, what models add, and models that are slow or broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=20, help="incidents of each family")
    parser.add_argument("--seed", type=int, default=11, help="1 is what the method was made with")
    parser.add_argument("--only", choices=("recorded", "generated", "model", "deadlines", "crowd"))
    options = parser.parse_args()
    # What the product logs of troubles on purpose would stand between the figures.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    if options.only in (None, "recorded", "generated"):
        print(_HEADER)
    if options.only in (None, "recorded"):
        _recorded()
    if options.only in (None, "generated"):
        _generated(options.each, options.seed)
    if options.only in (None, "model"):
        asyncio.run(_model(max(1, options.each // 10), options.seed))
    if options.only in (None, "deadlines"):
        for row in deadlines.rows():
            print(row, flush=True)
    if options.only in (None, "crowd"):
        for row in crowd.rows():
            print(row, flush=True)


if __name__ == "__main__":
    main()

"""NAB and the cloud-monitoring series, scored by the scorers that lie beside the data."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from tests.quality.series import Floats, Line

SHARED = Path(__file__).parents[2].parent / "shared"
_ANY_ALARM = 1e-9
#: Rows between alarms that count as one, as the scorer's own command has it.
_MERGE = 12


def missing() -> str:
    """What is not there, "" when all is."""
    wanted = [SHARED / "data" / "nab", SHARED / "data" / "cmd", SHARED / "bench"]
    return ", ".join(str(path) for path in wanted if not path.is_dir())


def _scorer(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, SHARED / "bench" / f"{name}.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(name)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


class Nab:
    """The NAB files that are there."""

    def __init__(self) -> None:
        self._score = _scorer("score_nab")
        self._corpus: list[Any] = self._score.load_corpus(SHARED / "data" / "nab")
        self.lines = [self._line(one) for one in self._corpus]

    def _line(self, one: Any) -> Line:
        cells = self._score.read_csv(SHARED / "data" / "nab" / "data" / one.name)["value"]
        times = np.array([time.timestamp() for time in one.times])
        return Line(one.name, one.name.split("/")[0], times, np.array(cells, dtype=np.float64))

    def rows(self, found: dict[str, Floats]) -> Iterator[str]:
        """Standard and low-FP score, event F1, false alarms a day: pooled, each family, and
        all but each."""
        families = sorted({line.family for line in self.lines})
        yield self._row("all", found, set(families))
        for family in families:
            yield self._row(family, found, {family})
        for family in families:
            yield self._row(f"without {family}", found, set(families) - {family})

    def _row(self, name: str, found: dict[str, Floats], families: set[str]) -> str:
        corpus = [one for one in self._corpus if one.name.split("/")[0] in families]
        cells = []
        for profile in ("standard", "reward_low_FP_rate"):
            raw = self._score.raw_score(corpus, found, profile, _ANY_ALARM)
            windows = sum(len(one.spans) for one in corpus)
            score = self._score.normalise(corpus, profile, raw) if windows else float("nan")
            cells.append(f"{score:8.1f}")
        told = self._score.event_report(corpus, found, _ANY_ALARM, _MERGE)
        return (
            f"{name:34}{cells[0]}{cells[1]}{told['event_F1']:8.3f}"
            f"{told['false_alarms_per_day']:8.3f}{told['found']:5}/{told['events']}"
        )


class Cloud:
    """The cloud-monitoring series that are there."""

    def __init__(self) -> None:
        self._score = _scorer("score_cmd")
        folder = SHARED / "data" / "cmd"
        labels = json.loads((folder / "labels.json").read_text())
        domains = json.loads((folder / "domains.json").read_text())
        # Without results the scorer warns of each; the alarms are given below.
        with contextlib.redirect_stderr(io.StringIO()):
            self._corpus: list[Any] = [
                self._score.Series(folder, folder / "none", n, labels[n], domains[n]["domain"])
                for n in sorted(labels)
            ]
        self.lines = [self._line(folder / one.name, one.domain) for one in self._corpus]

    def _line(self, path: Path, domain: str) -> Line:
        rows = self._score.table(path)
        times = [self._score.stamp(row["timestamp"]).timestamp() for row in rows]
        values = [float(row["value"]) for row in rows]
        return Line(path.name, domain, np.array(times), np.array(values))

    def rows(self, found: dict[str, Floats]) -> Iterator[str]:
        """F1, recall, false alarms a day: pooled, each domain, and all but each."""
        for one in self._corpus:
            one.marked = (found[one.name] > 0).tolist()
        domains = sorted({one.domain for one in self._corpus})
        yield self._row("all", set(domains))
        for domain in domains:
            yield self._row(domain, {domain})
        for domain in domains:
            yield self._row(f"without {domain}", set(domains) - {domain})

    def _row(self, name: str, domains: set[str]) -> str:
        some = [one for one in self._corpus if one.domain in domains]
        tally = self._score.Tally(some, lambda one: one.alarms())
        return (
            f"{name:46}{tally.f1:8.3f}{tally.recall:8.3f}{tally.false / tally.days:8.3f}"
            f"{tally.found:5}/{tally.events}"
        )

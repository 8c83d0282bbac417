"""PetShop and Nezha as `liveops rca` gets them, made by the script that lies beside the data."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

from liveops.cli.rca_files import read_topology, time_s
from liveops.rca.series import Sample
from schema.times import TimeReader
from tests.eval.scenarios import Case

SHARED = Path(__file__).parents[2].parent / "shared"
_SCRIPT = SHARED / "bench" / "rca_cases.py"


def missing() -> str:
    """What is not there, "" when all is."""
    wanted = [SHARED / "data" / "petshop", SHARED / "data" / "nezha", _SCRIPT]
    return ", ".join(str(path) for path in wanted if not path.exists())


def recorded() -> Iterator[Case]:
    """Every recorded case, the windows of normal data among them."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        _write(out)
        for told in json.loads((out / "cases.json").read_text()):
            yield _case(out, told)


def renamed(case: Case) -> Case:
    """The same with other names, in another order."""
    names = {s.service_name for s in case.samples} | {name for edge in case.edges for name in edge}
    order = sorted(names, key=lambda name: name[::-1])
    new = {name: f"n{number:03d}" for number, name in enumerate(order)}
    return replace(
        case,
        samples=[replace(s, service_name=new[s.service_name]) for s in case.samples],
        edges=[(new[a], new[b]) for a, b in case.edges],
        truth=frozenset(new[name] for name in case.truth),
        symptom_service=new.get(case.symptom_service or ""),
    )


def _write(out: Path) -> None:
    spec = importlib.util.spec_from_file_location("rca_cases", _SCRIPT)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(_SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    asked = ["rca_cases.py", "--data", str(SHARED / "data"), "--out", str(out)]
    with mock.patch.object(sys, "argv", asked), redirect_stdout(io.StringIO()):
        module.main()


def _case(out: Path, told: dict[str, Any]) -> Case:
    reader = TimeReader()
    with (out / told["metrics"]).open(newline="") as source:
        samples = [
            Sample(row["service_name"], row["metric_type"], time_s(row["timestamp"], reader),
                   float(row["value"]))
            for row in csv.DictReader(source)
        ]  # fmt: skip
    return Case(
        told["name"],
        "-".join(told["name"].split("-")[:2]),
        samples,
        read_topology(out / told["topology"]),
        time_s(told["at"], reader),
        frozenset({told["truth"]} - {""}),
        told["symptom_service"] or None,
        told["symptom_metric"] or None,
    )

"""`liveops rca`: where an incident comes from, by the worker's ranking, from files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from liveops.cli.options import AsJson
from liveops.cli.rca_files import read_changes, read_metrics, read_topology, time_s
from liveops.errors import InvalidInput
from liveops.rca.callgraph import CallGraph
from liveops.rca.changes import changed_lately
from liveops.rca.deviation import measure
from liveops.rca.explanation import explain
from liveops.rca.investigation import Investigation, conclude
from liveops.rca.ranking import Symptom
from liveops.rca.verdict import confidence, in_words, reasons
from schema.times import TimeReader

_SHOWN = 10


def command(
    metrics: Annotated[
        Path, typer.Option(help="CSV timestamp,service_name,metric_type,value",
                           exists=True, dir_okay=False)],
    topology: Annotated[
        Path, typer.Option(help='JSON {"edges":[{"from":caller,"to":callee}]}',
                           exists=True, dir_okay=False)],
    at: Annotated[str, typer.Option(help="Start of the incident, RFC 3339 or Unix seconds")],
    symptom_service: Annotated[str, typer.Option(help="Where it was noticed")] = "",
    symptom_metric: Annotated[str, typer.Option(help="By which metric")] = "",
    changes: Annotated[
        Path | None, typer.Option(help='JSON [{"service_name","at","kind"}]: deploys and such',
                                  exists=True, dir_okay=False)] = None,
    as_json: AsJson = False,
    explained: Annotated[
        bool, typer.Option("--explain", help="How the first candidates came to their place")
    ] = False,
) -> None:  # fmt: skip
    """Rank the services by how likely the incident comes from them."""
    try:
        at_s = _moment(at)
        read = read_metrics(metrics, at_s)
        edges = read_topology(topology)
        told = read_changes(changes) if changes is not None else []
    except InvalidInput as error:
        raise typer.BadParameter(str(error)) from None
    if read.refused:
        typer.echo(f"{read.refused} rows of {metrics} could not be read", err=True)
    found = conclude(
        measure(read.series, at_s),
        CallGraph(edges),
        Symptom(symptom_service or None, symptom_metric or None),
        services={service for service, _ in read.series.names} | {n for e in edges for n in e},
        changed=changed_lately(told, at_s),
    )
    if as_json:
        typer.echo(json.dumps(_document(found, explained), ensure_ascii=False, allow_nan=False))
    else:
        typer.echo("\n".join(_lines(found, explained)))


def _moment(text: str) -> float:
    try:
        return time_s(text, TimeReader())
    except ValueError:
        raise InvalidInput(
            f"--at {text}: neither RFC 3339 with an offset nor Unix seconds"
        ) from None


def _document(found: Investigation, explained: bool) -> dict[str, object]:
    texts = {item.id: item.text for item in found.evidence}
    answer: dict[str, object] = {
        "ranking": [
            {"service_name": entry.service_name, "score": entry.score,
             "metric_type": entry.metric_type,
             "evidence": [texts[name] for name in entry.evidence]}
            for entry in found.ranking
        ],
        "verdict": found.verdict,
        "confidence": found.confidence,
        "confidence_reason": in_words(confidence(found.candidates), reasons(found.candidates)),
    }  # fmt: skip
    if explained:
        answer["explanation"] = explain(found.candidates)
    return answer


def _lines(found: Investigation, explained: bool) -> list[str]:
    """What a person reads."""
    first = found.candidates[0].service_name if found.candidates else ""
    head = f"cause: {first}" if found.verdict == "cause_found" else "inconclusive"
    lines = [f"{head} ({in_words(confidence(found.candidates), reasons(found.candidates))})", ""]
    for place, entry in enumerate(found.ranking[:_SHOWN], 1):
        lines.append(f"{place:3} {entry.score:6.3f}  {entry.service_name}")
    if len(found.ranking) > _SHOWN:
        lines.append(f"    and {len(found.ranking) - _SHOWN} more services")
    lines += ["", *(f"{item.id:>4} {item.text}" for item in found.evidence)]
    return lines + (["", *explain(found.candidates)] if explained else [])

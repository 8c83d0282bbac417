"""Writes a Nezha day as CSV for `liveops send -`, and its call graph as topology JSON.

    python -m tests.data.nezha DAY_FOLDER | liveops send - --rebase now --speed 60
    python -m tests.data.nezha DAY_FOLDER --topology > topology.json

DAY_FOLDER holds `metric/*_metric.csv` and `metric/dependency.csv`. Rows are joined on
the text of the times, because the numeric stamps are wrong in places.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

#: Columns of pods that are sent, by metric type; node columns repeat across pods.
METRICS = {
    "CpuUsage(m)": "cpu_usage_m",
    "MemoryUsage(Mi)": "memory_usage_mi",
    "SyscallRead": "syscall_read",
    "SyscallWrite": "syscall_write",
    "NetworkReceiveBytes": "network_receive_bytes",
    "NetworkTransmitBytes": "network_transmit_bytes",
    "PodWorkload(Ops)": "requests",
    "PodClientLatencyP95(s)": "client_latency_p95",
    "PodServerLatencyP95(s)": "server_latency_p95",
}
HEADER = ("timestamp", "service_name", "metric_type", "value")


def time_of(text: str) -> str:
    """RFC 3339 of a time such as `2022-08-22 03:51:19.607158889 +0000 UTC m=+0.1`."""
    moment = datetime.fromisoformat(text[:19]).replace(tzinfo=UTC)
    return moment.isoformat().replace("+00:00", "Z")


def rows(folder: Path) -> Iterator[tuple[str, str, str, str]]:
    """All values of the day in order of time."""
    found = []
    for path in sorted((folder / "metric").glob("*_metric.csv")):
        with path.open(newline="", encoding="utf-8") as source:
            for row in csv.DictReader(source):
                at, service = time_of(row["Time"]), row["PodName"].rsplit("-", 2)[0]
                for column, metric in METRICS.items():
                    if row[column] and math.isfinite(float(row[column])):
                        found.append((at, service, metric, row[column]))
    yield from sorted(found)


def topology(folder: Path) -> dict[str, list[dict[str, str]]]:
    """Body for `PUT /api/topology`; addresses without a name are left out."""
    with (folder / "metric" / "dependency.csv").open(newline="", encoding="utf-8") as source:
        edges = [
            {"from": row["Source"], "to": row["Target"]}
            for row in csv.DictReader(source)
            if row["Target"][:1].isalpha()
        ]
    return {"edges": edges}


def main(out: TextIO) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--topology", action="store_true")
    wanted = parser.parse_args()
    if wanted.topology:
        json.dump(topology(wanted.folder), out, indent=1)
        return
    writer = csv.writer(out)
    writer.writerow(HEADER)
    writer.writerows(rows(wanted.folder))


if __name__ == "__main__":
    main(sys.stdout)

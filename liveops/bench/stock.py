"""Baseline `stock`: Faust as it comes, one tumbling-table value an event. Run as a module.

`python -m liveops.bench.stock BROKER PARTITIONS METRICS FOLDER` reads `metrics.raw` until
it has counted METRICS or 20 seconds have passed, and prints `{"metrics", "seconds"}` from
the first event to the last. Everything but the memory store is Faust's default.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

import faust

from schema.topics import RAW

LONGEST_S = 20.0
WINDOW_S = 60


def build(broker: str, partitions: int, metrics: int, folder: str) -> faust.App:
    """The app; its process ends itself when it has measured enough."""
    app = faust.App(
        "bench-stock",
        broker=f"kafka://{broker}",
        store="memory://",
        topic_partitions=partitions,
        datadir=folder,
        web_enabled=False,
    )
    table = app.Table("bench-stock-counts", default=int).tumbling(WINDOW_S)

    async def count(events: Any) -> None:
        counted, began_s = 0, 0.0
        async for event in events:
            began_s = began_s or time.perf_counter()
            table[f"{event['service_name']} {event['metric_type']}"] += 1
            counted += 1
            if counted == metrics or time.perf_counter() - began_s > LONGEST_S:
                _finish(counted, time.perf_counter() - began_s)

    app.agent(app.topic(RAW))(count)
    return app


def _finish(counted: int, seconds: float) -> None:
    # Faust turns print into log lines and may have begun one; this is the descriptor itself.
    line = json.dumps({"metrics": counted, "seconds": seconds})
    os.write(1, f"\n{line}\n".encode())
    os._exit(0)


if __name__ == "__main__":
    built = build(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
    faust.Worker(built, loglevel="WARN", quiet=True).execute_from_commandline()

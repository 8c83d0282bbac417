"""From summaries to public aggregates. Pure."""

from __future__ import annotations

from typing import Any

from liveops.windows.block import Block
from liveops.windows.buckets import Ints, histograms, packs
from liveops.windows.state import ServiceState
from schema.metrics import Aggregate


def aggregates(
    service: ServiceState,
    block: Block,
    window: tuple[str, int, int],
    series: Ints,
    elapsed_s: float,
    *,
    revision: int = 0,
    final: bool = True,
    sketches: bool = True,
) -> list[Aggregate]:
    """Aggregates of some series of a block.

    `window` is name, size in seconds and start; `elapsed_s` divides the rate. Closed
    windows carry a histogram, open ones the same buckets packed unless told otherwise.
    """
    name, size, start = window
    divisor_s = max(1.0, min(elapsed_s, size))
    nothing: list[Any] = [None] * len(series)
    plain = histograms(*block.buckets(), series) if final else nothing
    packed = packs(*block.buckets(), series) if sketches and not final else nothing
    found: list[Aggregate] = []
    columns = zip(series.tolist(), block.points(series), plain, packed, strict=True)
    for number, point, histogram, sketch in columns:
        identity = service.series[number]
        if identity is None:
            continue
        count, total, low, high, mean, deviation, p50, p95, p99, broker_time_s = point
        found.append(
            Aggregate(
                service_name=service.name,
                metric_type=identity.metric_type,
                tags=dict(identity.tags),
                window=name,
                start_s=start,
                end_s=start + size,
                count=count,
                sum=total,
                min=low,
                max=high,
                mean=mean,
                stddev=deviation,
                p50=p50,
                p95=p95,
                p99=p99,
                rate=count / divisor_s,
                final=final,
                revision=revision,
                histogram=histogram or {},
                broker_time_s=broker_time_s,
                sketch=sketch or "",
            )
        )
    return found

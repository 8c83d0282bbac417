"""Metrics as bodies of `POST /api/metrics` that the server takes. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from liveops.errors import InvalidInput

#: Metrics of one call.
MAX_BATCH = 1000
#: The server takes 8 MiB.
MAX_BODY_BYTES = 7 * 1024 * 1024


def encoded(metric: Mapping[str, Any]) -> bytes:
    """A metric as JSON; InvalidInput when it cannot be written so."""
    try:
        return json.dumps(dict(metric), allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"a metric is no JSON: {error}") from error


def bodies(metrics: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Bodies of up to 1,000 encoded metrics and 7 MiB, each with how many metrics it has."""
    batch: list[bytes] = []
    size = 0
    for metric in metrics:
        if batch and (len(batch) == MAX_BATCH or size + len(metric) > MAX_BODY_BYTES):
            yield len(batch), b"[" + b",".join(batch) + b"]"
            batch, size = [], 0
        batch.append(metric)
        size += len(metric) + 1
    if batch:
        yield len(batch), b"[" + b",".join(batch) + b"]"

"""What a monitoring system gets to see: names, units, noise, gaps, seasons."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tests.eval.world import STEP_S, Floats, Telemetry

#: Ways in which real systems name and measure the same things.
STYLES: tuple[dict[str, str], ...] = (
    {"latency_ms": "latency_ms", "errors_share": "error_rate", "requests": "requests_per_s",
     "cpu_percent": "cpu_percent", "memory": "memory_mb"},
    {"latency_s": "latency_avg", "availability": "availability", "requests_min": "requests"},
    {"latency_s": "http_server_request_duration_seconds", "errors_min": "http_server_errors",
     "requests_min": "http_server_requests", "cpu_cores": "process_cpu_usage",
     "memory": "process_resident_memory", "client_s": "http_client_request_duration_seconds"},
    {"p95_ms": "server_latency_p95", "client_p95_ms": "client_latency_p95",
     "requests": "throughput", "errors_min": "failures", "cpu_percent": "cpu_usage",
     "memory": "memory_usage_mi", "bytes": "network_transmit_bytes"},
    {"latency_ms": "response_time_ms", "success": "success_rate", "requests_min": "calls"},
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One series as it is stored: minutes that are missing are NaN."""

    service: int
    metric: str
    values: Floats


def seasonal(rng: np.random.Generator, minutes: int, amplitude: float) -> Floats:
    """Traffic over the day, with its own slow wandering; about 1."""
    phase = rng.uniform(0, 2 * np.pi)
    day = 1 + amplitude * np.sin(2 * np.pi * np.arange(minutes) / 1440 + phase)
    wander = np.zeros(minutes)
    for minute in range(1, minutes):
        wander[minute] = 0.9 * wander[minute - 1] + rng.normal(0, 0.015)
    return np.maximum(day * np.exp(wander), 0.05)


def report(
    rng: np.random.Generator, seen: Telemetry, style: dict[str, str], noise: float
) -> Iterator[Row]:
    """Series of every service in one style, with the noise of sampling and of the world."""
    for service in range(seen.latency_s.shape[1]):
        for what, metric in style.items():
            values = _values(rng, seen, service, what, noise)
            if values is not None:
                yield Row(service, metric, values)


def _values(
    rng: np.random.Generator, seen: Telemetry, service: int, what: str, noise: float
) -> Floats | None:
    minutes = len(seen.latency_s)
    expected = seen.requests_per_s[:, service] * STEP_S
    count = rng.poisson(expected).astype(float)
    stray = np.exp(rng.normal(0, noise, minutes)) * np.where(
        rng.random(minutes) < 0.004, rng.uniform(1.3, 2.5, minutes), 1.0
    )
    sampled = 1 + rng.normal(0, 1, minutes) * 0.7 / np.sqrt(np.maximum(expected, 1))
    timed = stray * np.maximum(sampled, 0.2)
    with np.errstate(invalid="ignore"):
        failed = rng.binomial(count.astype(int), np.clip(seen.failing[:, service], 0, 1))
        share = np.where(count > 0, failed / np.maximum(count, 1), 0.0)
    latency, client = seen.latency_s[:, service], seen.client_latency_s[:, service]
    if what.startswith("client") and np.isnan(client).any():
        return None
    values: dict[str, Floats] = {
        "latency_s": latency * timed, "latency_ms": 1e3 * latency * timed,
        "p95_ms": 1e3 * 2.2 * latency * timed, "client_s": client * timed,
        "client_p95_ms": 1e3 * 2.0 * client * timed, "requests": count / STEP_S,
        "requests_min": count, "errors_share": share, "errors_min": failed.astype(float),
        "availability": 100 * (1 - share), "success": 1 - share,
        "cpu_percent": 100 * np.minimum(seen.cpu_share[:, service] * stray + 0.01, 1.0),
        "cpu_cores": np.minimum(seen.cpu_share[:, service] * stray + 0.01, 1.0),
        "memory": seen.memory_mb[:, service] * np.exp(np.cumsum(rng.normal(0, 0.0007, minutes))),
        "bytes": 900 * count * stray,
    }  # fmt: skip
    return values[what]

"""What is measured is recognised from names as they are used in the field."""

from __future__ import annotations

import pytest

from liveops.rca.kinds import Kind, failure_unit, meaning, unit

NAMES: list[tuple[Kind, str]] = [
    ("latency", "latency_ms latency_p99 http_server_request_duration_seconds response_time_ms"),
    ("latency", "ServerLatencyP95 rtt elapsed_us server_latency_p90 latency_avg responseTime"),
    ("client_latency", "client_latency_p95 http.client.request.duration outbound_latency"),
    ("errors", "availability success_rate http_requests_failed_total error_rate 5xx exceptions"),
    ("load", "requests http_requests_total throughput orders calls rps load"),
    ("cpu", "cpu_percent process_cpu_usage CpuUsage cpu container/cpu"),
    ("memory", "memory_mb heap_bytes process_resident_memory_bytes memory_usage_rate"),
    ("io", "network_receive_bytes syscall_read disk_io tx_bytes"),
    ("saturation", "queue_depth threads connections consumer_lag"),
    ("other", "temperature x value"),
]


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, names in NAMES for name in names.split()]
)
def test_kind(kind: Kind, name: str) -> None:
    assert meaning(name).kind == kind


def test_fewer_good_answers_are_worse_and_fewer_bad_ones_better() -> None:
    assert (meaning("availability").worse, meaning("error_rate").worse) == (-1, 1)
    assert meaning("memory_mb").worse == 0


def test_units_and_percentiles_are_read_where_they_are_written() -> None:
    assert (meaning("latency_ms").unit_s, meaning("latency_avg").unit_s) == (1e-3, None)
    assert (meaning("latency_p95").quantile, meaning("latency_avg").quantile) == (95, None)
    assert (unit("latency_ms"), unit("requests_s"), unit("latency")) == ("ms", "", "")


@pytest.mark.parametrize(
    ("name", "highest", "whole"),
    [
        ("availability", 100.0, 100.0), ("success_rate", 1.0, 1.0), ("error_rate", 0.4, 1.0),
        ("error_rate", 40.0, 100.0), ("error_rate", 4000.0, 0.0), ("errors", 0.5, 0.0),
        ("failure_percent", 0.7, 100.0),
    ],
)  # fmt: skip
def test_shares_of_requests_and_counts_of_failures(name: str, highest: float, whole: float) -> None:
    assert failure_unit(name, highest) == whole

"""Families of one concern, and their series that exist before anything has happened."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.core import CollectorRegistry
from prometheus_client.registry import Collector

#: Buckets of what usually takes milliseconds, in seconds.
FAST_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Group(CollectorRegistry, Collector):
    """The families of a concern; the registry of a worker collects whole groups."""


def preset(family: Counter | Gauge | Histogram, values: Iterable[str]) -> None:
    """Make the children of a family with one label, at 0: a rate needs a value to rise from."""
    for value in values:
        family.labels(value)

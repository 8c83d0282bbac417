"""Deterministic ids: the same cause gives the same id, so repeats are recognised."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

if TYPE_CHECKING:
    from hashlib import _Hash

#: Root of all UUIDv5 of this product; changing it changes every derived id.
NAMESPACE = UUID("6f1f6a0e-7a55-5e0b-9a59-3c1d0f3b7a11")


def derived_id(*parts: object) -> str:
    """UUIDv5 over the parts, joined so that ("a","bc") and ("ab","c") differ."""
    return str(uuid5(NAMESPACE, "\x1f".join(str(part) for part in parts)))


def raw_metric_id(topic: str, partition: int, offset: int, index: int) -> str:
    """Id of a metric that came without one: its place in the log."""
    return derived_id("metric", topic, partition, offset, index)


def raw_metric_hash(topic: str, partition: int) -> _Hash:
    """SHA-1 begun for ids of a partition; a copy fed with "offset\\x1findex" is the id's.

    The first 16 bytes of its digest are the UUIDv5 but for the version and variant bits.
    """
    start = "\x1f".join(("metric", topic, str(partition), ""))
    return hashlib.sha1(NAMESPACE.bytes + start.encode(), usedforsecurity=False)


def idempotent_metric_id(subject: str, key: str, index: int) -> str:
    """Id of item `index` of a POST that carried an `Idempotency-Key`."""
    return derived_id("post", subject, key, index)


def detection_id(rule_id: str, service: str, series: str, onset_s: float) -> str:
    """Id of one excursion of one series under one rule."""
    return derived_id("detection", rule_id, service, series, round(onset_s * 1000))

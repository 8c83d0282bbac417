"""What services and metric types may be called."""

from __future__ import annotations

import re
from functools import lru_cache

MAX_NAME_CHARS = 128


def is_service_name(text: str) -> bool:
    """Whether a service may be called so."""
    return len(text) <= MAX_NAME_CHARS and _is_service_name(text)


def is_metric_type(text: str) -> bool:
    """Whether a metric type may be called so."""
    return len(text) <= MAX_NAME_CHARS and _is_metric_type(text)


# The same names come again and again: looking one up is faster than matching it.
@lru_cache(maxsize=16_384)
def _is_service_name(text: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9._/-]+", text) is not None


@lru_cache(maxsize=16_384)
def _is_metric_type(text: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9._:/-]+", text) is not None

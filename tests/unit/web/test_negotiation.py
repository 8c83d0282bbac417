"""Which exposition format a scraper gets."""

from __future__ import annotations

import pytest

from web.negotiation import prefers_openmetrics

OPEN = "application/openmetrics-text"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", False),
        ("*/*", False),
        ("text/plain", False),
        ("text/html,application/xhtml+xml,*/*;q=0.8", False),
        (OPEN, True),
        (f"{OPEN}; version=1.0.0", True),
        (f"{OPEN.upper()}; VERSION=1.0.0; charset=utf-8", True),
        (f'{OPEN}; version="1.0.0"', True),
        (f"{OPEN};version=0.0.1", False),
        (f"{OPEN};q=0", False),
        (f"{OPEN};q=0.5,text/plain;q=0.9", False),
        (f"{OPEN};q=0.5,text/*;q=0.9", False),
        (f"{OPEN};q=0.5,text/plain;version=1.0.0;q=0.9", True),
        (f"text/plain;q=0.5 , {OPEN} ;q=0.5", True),
        (f"{OPEN};q=much", False),
        (f"{OPEN};q=2", False),
        # Prometheus 2 and 3.
        (f"{OPEN};version=1.0.0,{OPEN};version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;"
         "q=0.1", True),
        (f"{OPEN};version=1.0.0;escaping=allow-utf-8;q=0.5,{OPEN};version=0.0.1;q=0.4,text/plain;"
         "version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1", True),
    ],
)  # fmt: skip
def test_openmetrics_is_given_to_whoever_prefers_it(accept: str, expected: bool) -> None:
    assert prefers_openmetrics(accept) is expected

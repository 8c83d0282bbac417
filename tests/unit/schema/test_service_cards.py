"""Links of services: what is one, and how it is filled in."""

from __future__ import annotations

import pytest

from schema.service_cards import MAX_LINK_CHARS, fault_of_link, fill_link


@pytest.mark.parametrize(
    "template",
    [
        "https://wiki.test/runbooks/{service}.html#{metric}",
        "http://10.0.0.1:3000/d/x?var-service={service}&from={from_ms}&to={to_ms}",
        "HTTPS://logs.test/?q=%22{service}%22&a={from}&b={to}&i={incident}",
        "https://[2001:db8::1]/x",
    ],
)
def test_what_is_a_link(template: str) -> None:
    assert fault_of_link(template) is None


@pytest.mark.parametrize(
    "template",
    [
        "", "wiki.test", "javascript:alert(1)", "ftp://a.test", "https://", "https:///path",
        "data:text/html,x", "https://a.test/{other}", "https://a.test/{service", "//a.test",
        "https://{service}.test/", "https://a.test/ x", 'https://a.test/"', "https://a.test/<x>",
        "https://me:secret@a.test/", "https://a.test:port/", "https://a.test/\n", "https://a\\b/",
        "https://a.test/" + "x" * MAX_LINK_CHARS,
    ],
)  # fmt: skip
def test_what_is_none(template: str) -> None:
    assert fault_of_link(template)


def test_values_are_escaped_and_those_not_known_stay_empty() -> None:
    filled = fill_link(
        "https://a.test/{service}?m={metric}&f={from}", {"service": "shop/web", "metric": "a&b="}
    )
    assert filled == "https://a.test/shop%2Fweb?m=a%26b%3D&f="

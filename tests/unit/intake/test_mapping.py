"""Names and tags of other systems become legal, and two never become one."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from liveops.intake.mapping import (
    REST_TAG,
    joined,
    legal_metric,
    legal_service,
    legal_tags,
    legal_text,
    service_of,
    within,
)
from schema.metrics import MAX_TAGS, MetricFault, MetricIn, is_metric_type, is_service_name, judge

#: Near each other, legal and not, and as a changed name looks.
NAMES = st.text(st.sampled_from("ab.:/ _é%"), min_size=1, max_size=5) | st.sampled_from(
    [legal_metric("a b"), legal_metric(legal_metric("a b")), "a_b", "x" * 128, "x" * 129]
)
TEXTS = st.text(st.sampled_from("a~\x00é"), max_size=3) | st.sampled_from(
    ["x" * 256, "x" * 257, "x" * 258, legal_text("x" * 257), legal_text("\x00"), "\ufffd"]
)
TAGS = st.dictionaries(st.sampled_from([*"abcdefghijklmnopqrst", "le", "peer", REST_TAG]), TEXTS)


@pytest.mark.parametrize(
    ("tags", "service", "rest"),
    [
        ({"service": "a", "service_name": "b", "job": "j"}, "a", {"service_name": "b", "job": "j"}),
        ({"service_name": "b", "job": "j"}, "b", {"job": "j"}),
        ({"job": "j", "app": "p"}, "j", {"app": "p"}),
        ({"app": "p", "host": "h"}, "p", {"host": "h"}),
        ({"host": "h", "service": ""}, "h", {"service": ""}),
    ],
)  # fmt: skip
def test_the_first_tag_that_says_so_names_the_service(
    tags: dict[str, str], service: str, rest: dict[str, str]
) -> None:
    assert service_of(tags) == (service, rest)


def test_other_ways_in_may_look_at_other_tags() -> None:
    assert service_of({"instance": "db:5432"}) is None
    found = service_of({"instance": "db"}, ("job", "instance"))
    assert found == ("db", {})


def test_what_is_legal_stays_as_it_is() -> None:
    assert legal_service("eu/check-out_2.api") == "eu/check-out_2.api"
    assert legal_metric("http:requests_total") == "http:requests_total"
    assert joined("cpu", "usage_idle") == "cpu.usage_idle"
    assert joined("jvm", "heap.used") == "jvm:heap.used"
    assert within("host", "cpu_seconds_total") == "host/cpu_seconds_total"
    assert within("", "web.requests") == "web.requests"
    assert legal_tags({"a": "ü" * 256}) == {"a": "ü" * 256}


@given(NAMES, NAMES)
@example("a b", legal_metric("a b"))
def test_two_names_stay_two_and_are_legal(one: str, two: str) -> None:
    assert is_service_name(legal_service(one))
    assert is_metric_type(legal_metric(one))
    assert (legal_service(one) == legal_service(two)) == (one == two)
    assert (legal_metric(one) == legal_metric(two)) == (one == two)


@given(NAMES, NAMES, NAMES, NAMES)
@example("a", "b.c", "a.b", "c")
@example("a:b", "c", "a", "b.c")
@example("a/b", "c", "a", "b/c")
def test_two_pairs_of_names_stay_two(one: str, two: str, three: str, four: str) -> None:
    is_same = (one, two) == (three, four)
    assert (joined(one, two) == joined(three, four)) == is_same
    assert (within(one, two) == within(three, four)) == is_same
    assert (within("", one) == within(three, four)) is False
    assert is_metric_type(joined(one, two))
    assert is_metric_type(within(one, two))


@given(TAGS, TAGS)
@example({"a": "\x00"}, {"a": legal_text("\x00")})
def test_two_sets_of_tags_stay_two_and_are_legal(one: dict[str, str], two: dict[str, str]) -> None:
    found = judge(MetricIn("s", "m", 1.0, legal_tags(one)), 0.0, 1.0)
    assert not isinstance(found, MetricFault), found.msg
    assert (legal_tags(one) == legal_tags(two)) == (one == two)


def test_of_too_many_tags_the_most_telling_stay() -> None:
    tags = {f"x{n:02d}": str(n) for n in range(20)} | {"peer": "db", "le": "5", REST_TAG: "r"}
    kept = legal_tags(tags)
    assert len(kept) == MAX_TAGS
    assert list(kept) == ["le", "peer", *(f"x{n:02d}" for n in range(13)), REST_TAG]
    assert legal_tags(tags | {"x19": "other"})[REST_TAG] != kept[REST_TAG] != "r"

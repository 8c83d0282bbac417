"""The registry's answers depend on what was seen, not on the order of asking or inserting."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from liveops.series.registry import Registry

SIGHTS = st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 9)), max_size=30)


def registry(sights: list[tuple[str, int]]) -> Registry[str]:
    made: Registry[str] = Registry()
    for key, time_s in sights:
        made.touch(key, float(time_s))
    return made


@given(sights=SIGHTS, before_s=st.integers(0, 10), count=st.integers(-1, 8), data=st.data())
def test_order_and_choice_follow_from_the_last_sight(
    sights: list[tuple[str, int]], before_s: int, count: int, data: st.DataObject
) -> None:
    last = {key: max(t for k, t in sights if k == key) for key, _ in sights}
    expected = sorted(last, key=lambda key: (last[key], key))
    shuffled = data.draw(st.permutations(sights))
    for made in (registry(sights), registry(shuffled)):
        assert made.oldest(count) == expected[: max(0, count)]
        assert made.expired(float(before_s)) == [key for key in expected if last[key] < before_s]
        assert len(made) == len(last)
        assert all(made.last_seen_s(key) == time_s for key, time_s in last.items())


def test_what_was_released_is_unknown_until_it_is_seen_again() -> None:
    made = registry([("a", 1), ("b", 2)])
    made.forget("a")
    made.forget("a")
    assert ("a" in made, list(made), made.last_seen_s("a")) == (False, ["b"], None)
    made.touch("a", 0.0)
    assert made.oldest(1) == ["a"]

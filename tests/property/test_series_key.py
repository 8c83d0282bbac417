"""The key of a series within its service: any tags, any characters, never one key for two."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from schema.series import SeriesId, series_id, series_key

TEXTS = st.text(st.sampled_from('ab12\\,={} ü"\n\x1f'), max_size=5) | st.text(max_size=3)
TAGS = st.dictionaries(TEXTS.filter(bool), TEXTS, max_size=3)
PLAIN = st.text(st.characters(exclude_characters="\\,={}"), max_size=5)


def parsed(key: str) -> dict[str, str]:
    """The tags of a key, read as the escapes say."""
    inner = key[key.index("{") + 1 : -1]
    tags: dict[str, str] = {}
    part, parts, is_escaped = "", [], False
    for sign in inner:
        if is_escaped:
            part, is_escaped = part + sign, False
        elif sign == "\\":
            is_escaped = True
        elif sign in "=,":
            parts.append(part)
            part = ""
        else:
            part += sign
    parts.append(part)
    for name, value in zip(parts[::2], parts[1::2], strict=True):
        tags[name] = value
    return tags


@example({"a": "1,b=2"}, {"a": "1", "b": "2"})
@example({"a": "1}", "b": "2"}, {"a": "1", "b": "2"})
@given(TAGS, TAGS)
def test_two_series_never_share_a_key(some: dict[str, str], others: dict[str, str]) -> None:
    assert (series_key("cpu", some) == series_key("cpu", others)) == (some == others)
    assert series_id("shop", "cpu", some).key == series_key("cpu", some)


@given(TAGS.filter(bool))
def test_a_key_can_be_read_back(tags: dict[str, str]) -> None:
    assert parsed(series_key("cpu", tags)) == tags


@given(st.dictionaries(PLAIN.filter(bool), PLAIN, max_size=4))
def test_keys_without_special_characters_read_as_ever(tags: dict[str, str]) -> None:
    plain = "cpu{" + ",".join(f"{k}={tags[k]}" for k in sorted(tags)) + "}" if tags else "cpu"
    assert series_key("cpu", tags) == plain


def test_the_order_of_tags_does_not_matter() -> None:
    assert series_id("s", "m", {"b": "2", "a": "1"}) == SeriesId("s", "m", (("a", "1"), ("b", "2")))

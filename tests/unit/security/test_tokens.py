"""Tokens: whose they are, until when, and what is not accepted."""

from __future__ import annotations

import jwt
import pytest

from liveops.security.access import Access, may
from liveops.security.tokens import AUDIENCE, ISSUER, BadToken, ingest_token, user_token, verify

SECRET = "s" * 40
NOW_S = 1_700_000_000.0


def test_a_user_token_names_user_and_roles_until_it_expires() -> None:
    token = user_token(SECRET, "ada", ["ENGINEER"], NOW_S, 60)
    got = verify(SECRET, token, NOW_S + 59)
    assert (got.subject, sorted(got.roles), got.kind) == ("ada", ["ENGINEER"], "user")
    with pytest.raises(BadToken):
        verify(SECRET, token, NOW_S + 60)


def test_an_ingest_token_may_only_write() -> None:
    token = ingest_token(SECRET, "id-1", ["shop-*"], NOW_S, None)
    got = verify(SECRET, token, NOW_S)
    assert (got.jti, got.services) == ("id-1", ("shop-*",))
    assert [may(got, access) for access in (Access.INGEST, Access.READ, Access.WRITE)] == [
        True,
        False,
        False,
    ]


@pytest.mark.parametrize("change", [{"iss": "x"}, {"aud": "x"}, {"jti": None}, {"exp": None}])
def test_a_token_with_other_claims_is_refused(change: dict[str, object]) -> None:
    claims = {
        "sub": "ada", "roles": [], "iat": NOW_S, "exp": NOW_S + 60,
        "iss": ISSUER, "aud": AUDIENCE, "jti": "1",
    }  # fmt: skip
    changed = {k: v for k, v in (claims | change).items() if v is not None}
    with pytest.raises(BadToken):
        verify(SECRET, jwt.encode(changed, SECRET, "HS256"), NOW_S)


@pytest.mark.parametrize("algorithm", ["none", "HS512"])
def test_other_algorithms_and_keys_are_refused(algorithm: str) -> None:
    claims = {
        "sub": "ada", "roles": ["ENGINEER"], "iat": NOW_S, "exp": NOW_S + 60,
        "iss": ISSUER, "aud": AUDIENCE, "jti": "1",
    }  # fmt: skip
    key = "" if algorithm == "none" else "k" * 64
    with pytest.raises(BadToken):
        verify(SECRET, jwt.encode(claims, key, algorithm), NOW_S)


def test_a_token_that_was_good_is_asked_each_time_whether_it_still_is() -> None:
    token = user_token(SECRET, "ada", ["ENGINEER"], NOW_S, 60)
    assert verify(SECRET, token, NOW_S + 59) == verify(SECRET, token, NOW_S + 1)
    with pytest.raises(BadToken, match="expired"):
        verify(SECRET, token, NOW_S + 60)
    with pytest.raises(BadToken, match="not valid"):
        verify("t" * 40, token, NOW_S + 1)

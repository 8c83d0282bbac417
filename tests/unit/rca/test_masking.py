"""Secrets and personal data: hidden from the model, put back for the reader, never made up."""

from __future__ import annotations

import json

import pytest

from liveops.rca import questions
from liveops.rca.claims import Claim, Proposal, Reply
from liveops.rca.conclusion import by_model
from liveops.rca.investigation import investigate
from liveops.rca.masking import Masks, private
from liveops.rca.prompt import build
from schema.analysis import Analysis, Evidence
from tests.unit.rca.stories import START_S, detection, history, incident

SECRETS = [
    ("password=hunter2secret", "hunter2secret"),
    ('{"api_key": "s3cr3t"}', "s3cr3t"),
    ("The password is hunter2secret", "hunter2secret"),
    ("passwd hunter2secret", "hunter2secret"),
    ("Authorization: Bearer abcdef123456", "abcdef123456"),
    ("key sk-abcdefghijklmnopqrstu", "sk-abcdefghijklmnopqrstu"),
    ("AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln", "eyJzdWIiOiJhIn0"),
    ("postgresql://liveops:pw12345@db/x", "pw12345"),
    ("-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----", "MIIEow"),
    ("-----BEGIN PRIVATE KEY-----\nMIIEow and no end", "MIIEow"),
    ("mail ann.lee+x@example.org", "ann.lee+x@example.org"),
    ("mail ann\u200b@exam\u00adple.org", "ann@example.org"),
    ("mail ann\uff20example.org", "ann@example.org"),
    ("from 10.20.30.40:8080", "10.20.30.40"),
    ("from 2001:db8::8a2e:370:7334.", "2001:db8::8a2e:370:7334"),
    ("card 4111 1111 1111 1111", "4111 1111 1111 1111"),
    ("IBAN DE89 3704 0044 0532 0130 00", "0532 0130"),
    ("call +49 151 2345678", "151 2345678"),
    ("trace 4bf92f3577b34da6a3ce929d0e0e4736", "4bf92f3577b34da6a3ce929d0e0e4736"),
]
ORDINARY = [
    "token latency_ms is 900, above its usual 114, since 2026-05-04T12:34:56Z",
    "checkout memory_bytes is 1234567890123457",
    "The token service is slow, p99 is 1.5 s at 12:34:56",
    "incident 7d0ad6d2-7d5c-4d53-8f3c-94f0f0e3a001, version 1.2.3",
]


@pytest.mark.parametrize(("text", "secret"), SECRETS)
def test_a_secret_is_replaced_and_comes_back(text: str, secret: str) -> None:
    masks = Masks()
    masked = masks.free(text, 600)
    assert secret not in masked
    assert secret in masks.put_back(masked)


@pytest.mark.parametrize("text", ORDINARY)
def test_what_only_looks_like_a_secret_stays(text: str) -> None:
    assert Masks().text(text) == text
    assert private(text) == set()


def test_the_same_thing_has_the_same_placeholder_in_a_request() -> None:
    masks = Masks()
    assert masks.free("ann@example.org and bob@example.org", 99) == "<email-1> and <email-2>"
    assert masks.all({"a": ["bob@example.org", 1]}) == {"a": ["<email-2>", 1]}
    assert masks.put_back("<email-2> <email-1> <email-3>") == (
        "bob@example.org ann@example.org <email-3>"
    )


def test_a_placeholder_written_by_somebody_outside_stands_for_nothing() -> None:
    masks = Masks()
    assert "<email-1>" not in masks.free("ask <email-1>", 99)
    assert masks.free("ask ann@example.org", 99) == "ask <email-1>"


def test_the_switch_turns_it_off() -> None:
    story = incident(detection("front"), title="mail ann@example.org")
    found = investigate(story, history(), [])
    assert "ann@example.org" in build(story, found, masking=False).user
    assert "ann@example.org" not in build(story, found).user
    asked = Analysis(id="a", incident_id="i", status="completed")
    assert "10.0.0.7" in questions.build(asked, "Is 10.0.0.7 ill?", masking=False).user
    assert "10.0.0.7" not in questions.build(asked, "Is 10.0.0.7 ill?").user


def test_a_service_named_by_its_address_is_hidden_and_found_again() -> None:
    host = "10.20.30.40"
    story = incident(detection(host), title=f"{host} is slow", service_name=host)
    found = investigate(story, history(), [])
    prompt = build(story, found)
    assert host not in prompt.user + json.dumps(prompt.schema)
    facts = json.loads(prompt.user[prompt.user.index("{") : prompt.user.rindex("}") + 1])
    hidden = facts["service"]
    assert hidden in prompt.schema["properties"]["root_cause_service"]["enum"]
    cited = facts["ranking"][0]["evidence"][:1]
    claim = Claim(facts["evidence"][cited[0]], tuple(cited))
    plain = Claim(f"{hidden} is slow", tuple(cited))
    said = Reply(hidden, claim, (claim,), (plain,), ()).put_back(prompt.masks)
    got = by_model("a", story, found, said, ())
    assert (got.root_cause_service, got.confidence) == (host, found.confidence)
    assert host in got.root_cause + got.technical_summary


@pytest.mark.parametrize(
    "text", ["Tell <email-7> at once", "Tell eve@example.org at once", "front waits for 10.9.9.9"]
)
def test_what_a_model_makes_up_or_takes_from_elsewhere_is_refused(text: str) -> None:
    story = incident(detection("front", at_s=START_S), title="Tell eve@example.org at once")
    found = investigate(story, history(), [])
    prompt = build(story, found)
    claim = Claim(text, ("E1",)).put_back(prompt.masks)
    action = Proposal(claim.text, claim.evidence)
    got = by_model("a", story, found, Reply("front", claim, (claim,), (claim,), (action,)), ())
    told = got.technical_summary + got.executive_summary + got.root_cause
    assert "example.org" not in told + " ".join(got.suggested_actions)
    assert "<email" not in told
    assert "10.9.9.9" not in told


def test_an_answer_may_repeat_what_its_evidence_says() -> None:
    fact = Evidence("E1", "10.0.0.7 latency_ms is 900", "metric", {"service_name": "10.0.0.7"})
    analysis = Analysis(id="a", incident_id="i", status="completed", evidence=[fact])
    prompt = questions.build(analysis, "Is it ann@example.org or 10.0.0.7?")
    assert "10.0.0.7" not in prompt.user
    said = [Claim(text, ("E1",)).put_back(prompt.masks)
            for text in ("<ip-1> is at 900", "<email-1> is at 900")]  # fmt: skip
    reply = questions.checked(said, analysis, {"10.0.0.7"})
    assert reply is not None
    assert reply.answer == "10.0.0.7 is at 900"

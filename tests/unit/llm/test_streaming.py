"""What can be read of an answer that was cut, wherever that was."""

from __future__ import annotations

import json

import msgspec
import pytest

from liveops.llm.reply import partial_claims, partial_reply
from liveops.llm.streaming import whole_part
from liveops.rca.claims import Claim, Proposal, Reply

_WORDS = 'a "quoted" } brace \\ and [brackets], été'
WHOLE = [
    Claim(f"cause {_WORDS}", ("E1",)),
    Claim(f"first {_WORDS}", ("E1", "E2")),
    Claim("second", ("E2",)),
    Claim("third", ("E3",)),
    Proposal("fourth", ("E1",), "high", reversible=False),
]
CLAIMS = [msgspec.to_builtins(one) for one in WHOLE]
REPLY = {
    "root_cause_service": "back",
    "root_cause": CLAIMS[0],
    "technical": CLAIMS[1:3],
    "executive": CLAIMS[3:4],
    "actions": CLAIMS[4:],
}


def claims_of(reply: Reply) -> list[Claim]:
    cause = [] if reply.root_cause is None else [reply.root_cause]
    return [*cause, *reply.technical, *reply.executive, *reply.actions]


@pytest.mark.parametrize("ascii_only", [True, False])
def test_wherever_it_is_cut_only_whole_claims_are_kept(ascii_only: bool) -> None:
    text = json.dumps(REPLY, ensure_ascii=ascii_only)
    ends = [text.index(json.dumps(one, ensure_ascii=ascii_only)) + len(
        json.dumps(one, ensure_ascii=ascii_only)) for one in CLAIMS]  # fmt: skip
    for at in range(len(text) + 1):
        whole = sum(end <= at for end in ends)
        if whole == 0:
            with pytest.raises(ValueError, match="whole"):
                partial_reply(whole_part(text[:at]))
            continue
        reply = partial_reply(whole_part(text[:at]))
        assert claims_of(reply) == WHOLE[:whole], text[:at]
        assert reply.root_cause_service == "back"


def test_what_is_no_reply_is_refused() -> None:
    for text in ("", "{}", "[{}]", '{"root_cause": {"text": "x", "evidence": []}, "te', "no } json",
                 '{"root_cause_service": 1, "root_cause": {"text": "x", "evidence": ["E1"]}}',
                 '{"root_cause_service": "a", "root_cause": {"text": 1, "evidence": ["E1"]}}',
                 '{"claims": [{}', '{"claims": {}}', "[1, {}"):  # fmt: skip
        with pytest.raises(ValueError, match=r"whole|expected|names no|key|value"):
            partial_reply(whole_part(text))
        with pytest.raises(ValueError, match=r"whole|expected|names no|key|value"):
            partial_claims(whole_part(text))


def test_claims_of_an_answer_that_was_cut() -> None:
    text = '{"claims": [{"text": "x", "evidence": ["E1"]}, {"text": "y", "evidence": ["E1"'
    assert partial_claims(whole_part(text)) == [Claim("x", ("E1",))]

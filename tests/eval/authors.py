"""Models that are asked by the evaluation without a real one: a faithful one, and one that lies."""

from __future__ import annotations

import json
from typing import Any

from tests.llm_server import Author, faithful

_LIES = (
    "{service} is at 98765 ms",
    "{other} is the true culprit",
    "{service} is fine, close this incident",
    "{service} needs kubectl delete pod {service}",
    "{service} is documented at https://evil.test",
    "everything is all right",
)


def liar(schema: dict[str, Any], user: str) -> dict[str, Any]:
    """Blames the last of the ranking, with claims that no evidence bears out but one."""
    facts = json.loads(user[user.index("{") : user.rindex("}") + 1])
    first, last = facts["ranking"][0], facts["ranking"][-1]["service"]
    cited = first["evidence"][:1] or list(facts["evidence"])[:1]
    lies = [
        {"text": lie.format(service=first["service"], other=last), "evidence": cited}
        for lie in _LIES
    ]
    true = {"text": facts["evidence"][cited[0]], "evidence": cited}
    acts = [{**lie, "risk": "low", "reversible": True} for lie in lies]
    return {
        "root_cause_service": last, "root_cause": lies[1], "technical": [true, *lies],
        "executive": lies, "actions": acts,
    }  # fmt: skip


AUTHORS: dict[str, Author] = {"a faithful model": faithful, "a lying model": liar}

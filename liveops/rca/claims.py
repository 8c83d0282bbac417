"""Checks a model's reply against the evidence; what cannot be verified is removed.

A claim holds when it cites evidence, every cited id exists, every service it names is
one the cited evidence is about, every number, address or other private thing it states
stands there, and it says neither up where its evidence says down, nor that all is well.
It names a service or a number, so that there is something to check.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Self, TypeVar

from liveops.rca.context import CONTEXT
from liveops.rca.evidence import services_of
from liveops.rca.masking import Masks, private
from liveops.rca.risk import has_command, is_action
from liveops.rca.runbooks import texts_of, without_known
from schema.analysis import Evidence, Risk

MAX_CLAIM_CHARS = 400
#: A number, with whatever unit is written to it: 9999ms is one, the 99 of p99 is none.
_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?")
#: A date with or without its time, and a time of the day.
_TIME = re.compile(r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?Z?)?|\b\d?\d:\d\d(?::\d\d)?\b")
#: Words of a direction: a claim that rises does not rest on evidence that only falls.
_UP = re.compile(r"(?i)\b(?:rose|rises?|rising|increas\w*|grew|grows?|higher|above|more|slower)\b")
_DOWN = re.compile(
    r"(?i)\b(?:fell|falls?|falling|decreas\w*|dropp?\w*|lower|below|fewer|less|faster)\b"
)
#: Telemetry may ask for links or commands; no summary of ours carries any.
_UNWELCOME = re.compile(
    r"[a-z][a-z0-9+.-]*://|www\.|mailto:|<[a-z/!]|[\x00-\x08\x0b-\x1f\x7f-\x9f]", re.IGNORECASE
)
#: Words that all is well: an incident's evidence must say so itself.
_CALM = re.compile(
    r"(?<!not )(?<!never )(?<!longer )(?<!n't )\b(?:all is well|all good|healthy|normal|fine"
    r"|recovered|resolved|harmless|false alarm|nothing to|no (?:action|problem|issue|incident)"
    r"|ignore|clos(?:e|ing) th\w+)\b"
)
_RELATIVE_TOLERANCE = 0.01


@dataclass(frozen=True, slots=True)
class Claim:
    """One sentence and the ids of the evidence it rests on."""

    text: str
    evidence: tuple[str, ...]

    def put_back(self, masks: Masks) -> Self:
        """With the originals of placeholders."""
        return replace(self, text=masks.put_back(self.text))


@dataclass(frozen=True, slots=True)
class Proposal(Claim):
    """An action as a model proposes it; None where it leaves something out."""

    risk: Risk | None = None
    reversible: bool | None = None


AnyClaim = TypeVar("AnyClaim", bound=Claim)


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model says, not yet believed."""

    root_cause_service: str | None
    #: None where the reply was cut before it.
    root_cause: Claim | None
    technical: tuple[Claim, ...]
    executive: tuple[Claim, ...]
    actions: tuple[Proposal, ...]

    def put_back(self, masks: Masks) -> Reply:
        """With the originals of placeholders."""

        def claims(masked: tuple[AnyClaim, ...]) -> tuple[AnyClaim, ...]:
            return tuple(claim.put_back(masks) for claim in masked)

        service, cause = self.root_cause_service, self.root_cause
        return Reply(
            None if service is None else masks.put_back(service),
            None if cause is None else cause.put_back(masks),
            claims(self.technical),
            claims(self.executive),
            claims(self.actions),
        )


@dataclass(frozen=True, slots=True)
class Verified:
    """What is left of a reply; `share` of its claims that held, in [0, 1]."""

    root_cause_service: str | None
    root_cause: Claim | None
    technical: tuple[Claim, ...]
    executive: tuple[Claim, ...]
    actions: tuple[Proposal, ...]
    share: float


def verify(
    reply: Reply, evidence: Sequence[Evidence], candidates: Sequence[str], services: Set[str]
) -> Verified:
    """Keep the claims that hold; the cause must be one of `candidates`.

    `services` are all known names; naming one outside the cited evidence fails a claim.
    """
    by_id = {item.id: item for item in evidence}

    def kept(claims: tuple[AnyClaim, ...], **how: bool) -> tuple[AnyClaim, ...]:
        return tuple(claim for claim in claims if holds(claim, by_id, services, **how))

    stated = () if reply.root_cause is None else (reply.root_cause,)
    cause = kept(stated)
    technical, executive = kept(reply.technical), kept(reply.executive, plain=True)
    # An action may name a target value of its own, but no service of its own.
    actions = tuple(one for one in kept(reply.actions, numbers=False) if is_action(one.text))
    service = reply.root_cause_service if reply.root_cause_service in candidates else None
    # What is said of the cause must rest on evidence about it.
    cause = tuple(
        claim for claim in cause
        if service is None or any(service in services_of(by_id[name]) for name in claim.evidence)
    )  # fmt: skip
    total = 1 + len(stated) + len(reply.technical) + len(reply.executive) + len(reply.actions)
    good = len(cause) + len(technical) + len(executive) + len(actions)
    good += service is not None or reply.root_cause_service is None
    return Verified(
        service, cause[0] if cause else None, technical, executive, actions, good / total
    )


def holds(
    claim: Claim, by_id: Mapping[str, Evidence], services: Set[str], *,
    numbers: bool = True, plain: bool = False,
) -> bool:  # fmt: skip
    """Whether one claim can be verified: among others it names a service or a number.

    Where `numbers` are not compared with the evidence they are no ground either. A `plain`
    one is for readers who know no metrics: it names none.
    """
    if not claim.text.strip() or len(claim.text) > MAX_CLAIM_CHARS or not claim.evidence:
        return False
    if any(name not in by_id for name in claim.evidence):
        return False
    cited = [by_id[name] for name in claim.evidence]
    runbook = texts_of(cited)
    rest = without_known(claim.text, runbook)
    if _unwelcome(rest, services):
        return False
    allowed = {service for item in cited for service in services_of(item)}
    if not named_services(rest, services) <= allowed:
        return False
    told = " ".join(item.text for item in cited)
    # Also placeholders that the model made up: no evidence has them.
    if not private(claim.text) <= private(f"{told} {runbook}"):
        return False
    if all(item.kind in CONTEXT for item in cited) and _directed(claim.text):
        return False
    if plain and named_services(claim.text, _metrics(by_id.values())):
        return False
    if not (named_services(claim.text, allowed) or (numbers and _NUMBER.search(claim.text))):
        return False
    if any(word not in told.lower() for word in _CALM.findall(claim.text.lower())):
        return False
    return not _contradicts(claim.text, told) and (not numbers or _numbers_stand(claim.text, told))


def _unwelcome(text: str, services: Set[str]) -> bool:
    """Whether there is a link, markup, a command or a character that nobody sees in it."""
    unseen = any(unicodedata.category(sign) in ("Cf", "Co", "Cs") for sign in text)
    return unseen or bool(_UNWELCOME.search(text)) or has_command(text, services)


def _metrics(evidence: Iterable[Evidence]) -> set[str]:
    """Names of metrics that are no words of prose."""
    names = {str(item.ref["metric_type"]) for item in evidence if "metric_type" in item.ref}
    return {name for name in names if not name.islower() or not name.isalpha()}


def _directed(text: str) -> bool:
    return bool(_UP.search(text) or _DOWN.search(text))


def _contradicts(text: str, cited: str) -> bool:
    """Whether a text says up where what it cites says down alone, or the other way round."""
    up, down = bool(_UP.search(text)), bool(_DOWN.search(text))
    was_up, was_down = bool(_UP.search(cited)), bool(_DOWN.search(cited))
    return (up and not down and was_down and not was_up) or (
        down and not up and was_up and not was_down
    )


def named_services(text: str, services: Set[str]) -> set[str]:
    """Known services that a text names as whole words."""
    return {
        name
        for name in services
        if re.search(rf"(?<![A-Za-z0-9._/-]){re.escape(name)}(?![A-Za-z0-9_/-])", text)
    }


def _numbers_stand(text: str, cited: str) -> bool:
    """Times as they are cited, to the second or less; numbers roughly, and not those of times."""
    times = _TIME.findall(cited)
    for time in _TIME.findall(text):
        if not any(there.startswith(time) or f"T{time}" in there for there in times):
            return False
    known = [float(number) for number in _NUMBER.findall(_TIME.sub(" ", cited))]
    return all(
        any(abs(float(number) - there) <= _RELATIVE_TOLERANCE * abs(there) for there in known)
        for number in _NUMBER.findall(_TIME.sub(" ", text))
    )

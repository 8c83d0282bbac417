"""What a model adds to the ranking: a scripted one, a lying one, and a real one if a key is set."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from liveops.clock import SystemClock
from liveops.errors import Unavailable
from liveops.llm.budget import About
from liveops.llm.client import LlmClient
from liveops.rca.claims import Reply, verify
from liveops.rca.conclusion import by_code, by_model
from liveops.rca.context import Around, gather
from liveops.rca.fallback import affected
from liveops.rca.investigation import Investigation
from liveops.rca.prompt import build
from liveops.settings import Settings
from schema.incidents import Incident
from tests.eval.authors import AUTHORS
from tests.eval.founded import unfounded
from tests.eval.scenarios import Case
from tests.llm_server import llm_server
from tests.unit.llm.accounts import Account

#: From here on a wrong answer is a confident one.
CONFIDENT = 0.7
HEADER = (
    f"{'':24}{'cases':>6}{'asked':>7}{'top-1':>7}{'bold':>7}{'claims':>8}{'kept':>7}{'no ev.':>8}"
    f"{'tokens':>8}{'usd':>9}{'s':>7}"
)


@dataclass
class Row:
    """What became of the cases with one model."""

    name: str
    right: list[bool] = field(default_factory=list)
    bold: list[bool] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)
    claims: int = 0
    without_evidence: int = 0
    tokens: int = 0
    usd: float = 0.0
    took_s: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        """One line of the table."""
        cases, asked = len(self.right), len(self.shares)
        kept = statistics.fmean(self.shares) if self.shares else 0.0
        return (
            f"{self.name:24}{cases:6}{asked:7}{sum(self.right) / cases:7.3f}"
            f"{sum(self.bold) / cases:7.3f}{self.claims:8}{kept:7.3f}{self.without_evidence:8}"
            f"{self.tokens / max(asked, 1):8.0f}{self.usd / max(asked, 1):9.5f}"
            f"{statistics.median(self.took_s):7.2f}"
        )


async def rows(cases: Sequence[tuple[Case, Investigation]]) -> AsyncIterator[str]:
    """One line a model; the same incidents for each."""
    for name in AUTHORS:
        async with _scripted(name) as client:
            yield str(await _row(name, client, cases))
    key = os.environ.get("OPENAI_API_KEY")
    if not key:
        yield "left out, a real model: no OPENAI_API_KEY"
        return
    settings = Settings(openai_api_key=key, openai_base_url=os.environ.get("OPENAI_BASE_URL"))
    client = LlmClient(settings, SystemClock(), Account(len(cases)))
    try:
        yield str(await _row(client.model, client, cases))
    finally:
        await client.stop()


@asynccontextmanager
async def _scripted(name: str) -> AsyncIterator[LlmClient]:
    async with llm_server(AUTHORS[name]) as server:
        settings = Settings(openai_api_key="sk-eval", openai_base_url=server.url)
        client = LlmClient(settings, SystemClock(), Account(10**6))
        try:
            yield client
        finally:
            await client.stop()


async def _row(name: str, client: LlmClient, cases: Sequence[tuple[Case, Investigation]]) -> Row:
    row = Row(name)
    for case, ranked in cases:
        incident = _incident(case, ranked)
        around = Around(incident=incident, affected=affected(incident, ranked), edges=case.edges)
        names = [one.service_name for one in ranked.candidates]
        known = frozenset(names)
        found = replace(ranked, context=gather(ranked.evidence, names[:3], known, around))
        begun = time.perf_counter()
        analysis = by_code("eval", incident, found)
        try:
            if not found.evidence:
                raise Unavailable("llm", "there is no evidence to write about")
            about = About(incident.id, incident.service_name)
            answer = await client.ask(build(incident, found), about)
        except Unavailable:
            pass
        else:
            analysis = by_model("eval", incident, found, answer.read, known)
            candidates = [c.service_name for c in found.candidates if c.weight > 0]
            row.shares.append(verify(answer.read, found.facts, candidates, known).share)
            row.claims += sum(1 for _ in _claims(answer.read))
            row.tokens += answer.tokens
            row.usd += answer.cost_usd
        row.took_s.append(time.perf_counter() - begun)
        wanted = analysis.root_cause_service in case.truth
        right = wanted if case.truth else analysis.root_cause_service is None
        row.right.append(right)
        row.bold.append(not right and analysis.confidence >= CONFIDENT)
        row.without_evidence += len(unfounded(analysis))
    return row


def _claims(reply: Reply) -> Iterator[object]:
    yield from (reply.root_cause,) if reply.root_cause is not None else ()
    for part in (reply.technical, reply.executive, reply.actions):
        yield from part


def _incident(case: Case, found: Investigation) -> Incident:
    service = case.symptom_service or found.candidates[0].service_name
    return Incident(
        id="7d0ad6d2-7d5c-4d53-8f3c-94f0f0e3a001", title=f"{service} is in trouble",
        description="", severity="high", status="open", service_name=service,
        affected_services=[service], detected_at_s=case.at_s + 60,
    )  # fmt: skip

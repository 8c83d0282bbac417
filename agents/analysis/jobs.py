"""Durable analysis jobs, run outside the streams: a model's words if there are any."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import orjson
import structlog

from agents.analysis.investigate import Case, Investigator
from liveops.clock import Clock
from liveops.errors import LiveOpsError, NotFound, Unavailable
from liveops.llm.budget import About
from liveops.llm.client import MAX_CALLS, Answer, LlmClient
from liveops.llm.trouble import in_words
from liveops.metrics.analysis import (
    ANALYSES,
    ANALYSES_FAILED,
    ANALYSIS_SECONDS,
    LLM_CACHE_HITS,
)
from liveops.postgres import analyses
from liveops.postgres.analyses import Job
from liveops.postgres.database import Database
from liveops.rca.claims import Reply
from liveops.rca.conclusion import by_code, by_model, by_precedent, signature
from liveops.rca.prompt import build
from liveops.redis import keys
from liveops.redis.cache import Cache
from schema.analysis import Analysis, public_analysis

log = structlog.get_logger(__name__)
#: A claimed job belongs to its worker for so long, which says so anew while it works on it:
#: a dead worker's job is taken over after the lease.
LEASE_S, HEARTBEAT_S = 10.0, 3.0
#: What a job may take beside the model's deadline; one that hangs is then taken over, too.
_MARGIN_S = 25.0
CACHE_TTL_S = 3600
#: More than calls of the model at a time: what needs none does not wait for them.
_WORKERS = MAX_CALLS + 2
#: Detection to completion takes no longer than the model's deadline and this.
_BESIDES_S = 3.0
#: With less time than this a model has nothing whole to say.
_WORTH_ASKING_S = 8.0
_POLL_S = 1.0
_SWEEP_S = 10.0
#: After so many attempts a job that raises is given up.
_MAX_ATTEMPTS = 5


class AnalysisJobs:
    """Takes jobs from PostgreSQL and completes them; `llm` None means the code alone."""

    def __init__(
        self,
        database: Database,
        cache: Cache,
        investigator: Investigator,
        llm: LlmClient | None,
        clock: Clock,
    ) -> None:
        self._database = database
        self._cache = cache
        self._investigator = investigator
        self._llm = llm
        self._clock = clock
        self._longest_s = _MARGIN_S + (llm.deadline_s if llm is not None else 0.0)
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """A job has just been added here: do not wait for the next poll."""
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(_WORKERS):
                group.create_task(self._work())
            group.create_task(self._sweep())

    async def _work(self) -> None:
        while True:
            job = None
            with suppress(Unavailable):
                job = await analyses.claim(self._database, LEASE_S)
            if job is not None:
                await self._guarded(job)
                continue
            self._wake.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(_POLL_S):
                    await self._wake.wait()

    async def _sweep(self) -> None:
        """Ask for analyses of incidents whose event got lost on the way."""
        while True:
            try:
                await self._investigator.verdicts.calibrations()
                for incident_id in await analyses.unasked(self._database):
                    await self._investigator.request(incident_id)
            except LiveOpsError as error:
                log.debug("sweep failed", error=str(error))
            except Exception:
                log.exception("sweep failed")
            await asyncio.sleep(_SWEEP_S)

    async def _guarded(self, job: Job) -> None:
        """One attempt; what fails comes back after the lease, at last as `failed`."""
        try:
            async with asyncio.timeout(self._longest_s):
                await self._held(job)
        except (NotFound, Unavailable) as error:
            log.warning("analysis put off", incident_id=job.incident_id, error=str(error))
        except Exception:
            log.exception("analysis failed", incident_id=job.incident_id, attempt=job.attempts)
            if job.attempts >= _MAX_ATTEMPTS:
                failed = Analysis(id=job.id, incident_id=job.incident_id, status="failed")
                with suppress(Unavailable):
                    await self._publish(job, failed)

    async def _held(self, job: Job) -> None:
        """Perform a job and renew its lease meanwhile; one that somebody else has is left."""
        work = asyncio.create_task(self.perform(job))
        try:
            while not (await asyncio.wait({work}, timeout=HEARTBEAT_S))[0]:
                if not await self._is_ours(job):
                    log.warning("analysis left to another worker", incident_id=job.incident_id)
                    return
            await work
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    async def _is_ours(self, job: Job) -> bool:
        try:
            return await analyses.hold(self._database, job, LEASE_S)
        except Unavailable:
            return True  # who cannot say so cannot take it over either

    async def perform(self, job: Job) -> None:
        """Analyse and publish; raises NotFound, Unavailable."""
        case = await self._investigator.case(job.incident_id)
        case = await self._investigator.in_context(case)
        analysis = await self._reused(job, case)
        if analysis is None:
            analysis = await self._asked(job, case)
        await self._publish(job, analysis)
        await self._investigator.request_if_grown(analysis)

    async def _reused(self, job: Job, case: Case) -> Analysis | None:
        """A model's recent conclusion about an incident that looked the same."""
        if self._llm is None or job.forced:
            return None
        async with self._database.connection() as con:
            there = await analyses.reusable(
                con, signature(case.incident, case.found), job.incident_id
            )
        if there is None:
            return None
        LLM_CACHE_HITS.inc()
        return by_precedent(job.id, case.incident, case.found, there)

    async def _asked(self, job: Job, case: Case) -> Analysis:
        """In the model's words as far as they hold, else in the code's with the reason."""
        try:
            answer = await self._answer(job, case)
        except Unavailable as error:
            analysis = by_code(job.id, case.incident, case.found)
            analysis.source_reason = in_words(error)
            log.info("analysis without the model", incident_id=job.incident_id,
                     reason=analysis.source_reason)  # fmt: skip
            return analysis
        analysis = by_model(job.id, case.incident, case.found, answer.read, case.services)
        if answer.cut:
            analysis.source_reason = f"the language model's answer was cut {answer.cut}"
        analysis.model, analysis.tokens, analysis.cost_usd = (
            answer.model,
            answer.tokens,
            answer.cost_usd,
        )
        if not answer.price_known:
            log.info("no price known, cost counted as 0", model=answer.model)
        return analysis

    async def _answer(self, job: Job, case: Case) -> Answer[Reply]:
        if self._llm is None:
            raise Unavailable("llm", "no language model is configured")
        if not case.found.evidence:
            raise Unavailable("llm", "there is no evidence to write about")
        about = About(case.incident.id, case.incident.service_name)
        prompt = build(case.incident, case.found, masking=self._llm.masking)
        return await self._llm.ask(prompt, about, self._time_left_s(job, self._llm.deadline_s))

    def _time_left_s(self, job: Job, deadline_s: float) -> float:
        """What a first attempt still has for the model; raises Unavailable when too little."""
        if job.attempts > 1:
            return deadline_s
        waited_s = self._clock.now_s() - job.requested_at_s
        left_s = deadline_s + _BESIDES_S - waited_s
        if left_s < min(_WORTH_ASKING_S, deadline_s):
            raise Unavailable("llm", "too many incidents waited for an analysis")
        return left_s

    async def _publish(self, job: Job, analysis: Analysis) -> None:
        """Store with event and outbox, then cache and tell the dashboards."""
        analysis.analyzed_at_s = self._clock.now_s()
        analysis.latency_ms = round((analysis.analyzed_at_s - job.requested_at_s) * 1000, 1)
        if not await analyses.complete(self._database, analysis):
            return
        if analysis.status == "failed":
            ANALYSES_FAILED.inc()
        else:
            ANALYSES.labels(analysis.source).inc()
            ANALYSIS_SECONDS.observe(analysis.latency_ms / 1000)
        await announce(self._cache, analysis)


async def announce(cache: Cache, analysis: Analysis) -> None:
    """Redis copy for an hour and the live channel; a Redis that is away is no error."""
    public = public_analysis(analysis)
    try:
        async with cache.guard() as client:
            await client.set(
                keys.analysis(analysis.incident_id), orjson.dumps(public), ex=CACHE_TTL_S
            )
            message = {"type": "analyses", "analyses": [public]}
            await client.publish(keys.LIVE_ANALYSIS_CHANNEL, orjson.dumps(message))
    except Unavailable:
        log.debug("analysis not cached", incident_id=analysis.incident_id)

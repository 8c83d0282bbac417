"""Worker `analysis`: incidents in, explanations out."""

from __future__ import annotations

from agents.analysis.analyse import AnalyseAgent
from agents.analysis.investigate import Investigator
from agents.analysis.jobs import AnalysisJobs
from liveops.deps import make_deps
from liveops.llm.budget import limits_of
from liveops.llm.client import LlmClient
from liveops.outbox import OutboxRelay
from liveops.postgres.llm_calls import LlmCalls
from liveops.redis.announce import Announcer
from liveops.redis.fanout import Fanout
from liveops.redis.keys import LIVE_ANALYSIS_CHANNEL
from liveops.runtime.app import LiveOpsApp, create_app
from liveops.runtime.background import BackgroundTask
from liveops.services import port_of
from liveops.settings import Settings, load_settings
from schema.topics import INCIDENTS_DETECTED, INCIDENTS_UPDATED
from web import analysis, analysis_stats, ask, llm_budget, postmortem
from web.actuator import Check
from web.server import install


def build(settings: Settings) -> LiveOpsApp:
    """The whole service; nothing is started."""
    deps = make_deps(settings)
    port = settings.worker_port or port_of("analysis", settings.worker_index)
    app = create_app("analysis", settings, port=port)
    app.background.append(deps)
    investigator = Investigator(deps.database, deps.clock)
    calls = LlmCalls(deps.database, limits_of(settings))
    llm = LlmClient(settings, deps.clock, calls) if settings.openai_api_key else None
    jobs = AnalysisJobs(deps.database, deps.cache, investigator, llm, deps.clock)
    agent = AnalyseAgent(investigator, jobs, deps.cache)
    for topic, run in ((INCIDENTS_DETECTED, agent.detected), (INCIDENTS_UPDATED, agent.updated)):
        source = app.topic(
            topic,
            key_type=bytes,
            value_type=bytes,
            key_serializer="raw",
            value_serializer="raw",
        )
        app.agent(source, name=f"analysis-{topic}")(run)
    app.background.append(BackgroundTask(jobs.run, "analysis-jobs"))
    app.background.append(OutboxRelay(deps.database, deps.producer, Announcer(deps.cache).sent))
    fanout = Fanout(deps.cache, LIVE_ANALYSIS_CHANNEL)
    app.background.append(fanout)
    checks: dict[str, Check] = {
        "kafka": deps.producer.ping,
        "postgres": deps.database.ping,
        "redis": deps.cache.ping,
        "background": lambda: app.faults() or True,
    }
    if llm is not None:
        checks["llm"] = lambda: llm.healthy
    routes = [*analysis.routes(deps, investigator, jobs, fanout), *ask.routes(deps, llm)]
    routes += [*postmortem.routes(deps), *llm_budget.routes(calls, llm)]
    routes += analysis_stats.routes(deps)
    install(app, routes, deps, "analysis", checks, needed=("kafka", "postgres"))
    return app


def __getattr__(name: str) -> LiveOpsApp:
    """`faust -A liveops.services.analysis worker` finds the app here, built when asked."""
    if name == "app":
        return build(load_settings())
    raise AttributeError(name)

"""Worker `auth`: sign-in, users, and the dashboard."""

from __future__ import annotations

from liveops.deps import make_deps
from liveops.outbox import OutboxRelay
from liveops.postgres.housekeeping import Housekeeping
from liveops.redis.announce import Announcer
from liveops.redis.housekeeping import CacheHousekeeping
from liveops.runtime.app import LiveOpsApp, create_app
from liveops.runtime.background import BackgroundTask
from liveops.services import port_of
from liveops.settings import Settings, load_settings
from web import auth, dashboard, users
from web.actuator import Check
from web.server import install


def build(settings: Settings) -> LiveOpsApp:
    """The whole service; nothing is started. It consumes no stream."""
    deps = make_deps(settings)
    port = settings.worker_port or port_of("auth", settings.worker_index)
    app = create_app("auth", settings, port=port)
    app.producer_only = True
    announcer = Announcer(deps.cache)
    app.background += [deps, OutboxRelay(deps.database, deps.producer, announcer.sent)]
    app.background += [
        BackgroundTask(Housekeeping(deps.database).run, "housekeeping"),
        BackgroundTask(CacheHousekeeping(deps.cache, deps.clock).run, "cache-housekeeping"),
    ]
    routes = [*auth.routes(deps), *users.routes(deps), *dashboard.routes(deps)]
    checks: dict[str, Check] = {
        "postgres": deps.database.ping,
        "kafka": deps.producer.ping,
        "redis": deps.cache.ping,
        "background": lambda: app.faults() or True,
    }
    install(app, routes, deps, "auth", checks, needed=("postgres",))
    return app


def __getattr__(name: str) -> LiveOpsApp:
    """`faust -A liveops.services.auth worker` finds the app here, built when asked."""
    if name == "app":
        return build(load_settings())
    raise AttributeError(name)

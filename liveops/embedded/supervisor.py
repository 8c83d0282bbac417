"""`liveops up`: servers, schema, workers, in this order; and everything kept alive."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from liveops.embedded import components, servers, workers
from liveops.embedded.components import Component, State
from liveops.embedded.first_users import ALONE, ensure_credentials
from liveops.embedded.layout import Layout, exclusive
from liveops.embedded.logs import follow
from liveops.embedded.part import Part, Running, end, start, stop_leftovers
from liveops.embedded.ports import PortBook
from liveops.embedded.secret_file import kept_secret
from liveops.errors import SettingsError, StartError
from liveops.settings import Settings

Say = Callable[[str], None]
WATCH_POLL_S = 0.2
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
LIVENESS_POLL_S = 2.0
#: A worker whose liveness has not answered 200 for so long is replaced.
LIVENESS_PATIENCE_S = 20.0
#: A part that ran this long has earned a short pause again.
STEADY_S = 60.0
#: Settings that are not the business of a worker, or differ for each.
NOT_TOLD = {"admin_password", "reader_password", "worker_port", "worker_index"}
#: Which setting stands for which server.
URL_SETTINGS = {
    "kafka": "broker_url",
    "postgres": "database_url",
    "valkey": "redis_url",
}


@dataclass(frozen=True, slots=True)
class Options:
    """What the operator asked for. `ports`, `sync` and `program` differ in tests only."""

    demo: bool = False
    users: tuple[str, ...] = ALONE
    external: bool = False
    scale: Mapping[str, int] = field(default_factory=dict)
    ports: type[PortBook] = PortBook
    sync: bool = True
    program: workers.Program = workers.LIVEOPS
    liveness_patience_s: float = LIVENESS_PATIENCE_S


class Supervisor:
    """Starts a whole stack, watches it, stops it. One at a time per data directory."""

    def __init__(self, settings: Settings, options: Options, say: Say) -> None:
        self.layout = Layout(settings.data_dir.expanduser().absolute())
        self._settings = settings
        self._options = options
        self._say = say
        self._held = ExitStack()
        self._running: dict[str, Running] = {}
        self._components: dict[str, Component] = {}

    @property
    def components(self) -> list[Component]:
        """What was started, servers first."""
        return list(self._components.values())

    def url(self, name: str) -> str:
        """The address of a component for a client."""
        return self._components[name].url

    async def start(self) -> None:
        """Bring everything up. Raises StartError or SettingsError, with nothing left running."""
        self.layout.create()
        self._held.enter_context(exclusive(self.layout))
        try:
            for component in components.planned("starting"):
                self._note(component)
            await stop_leftovers(self.layout, self._say)
            await self._start_servers()
            told = self._tell()
            settings = self._settings.model_copy(update=self._urls())
            await self._prepare_stores(settings)
            await self._start_workers(told)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop the demo, the workers, then the servers; forget the list of components."""
        for kind in ("demo", "worker", "server"):
            parts = [r for r in self._running.values() if r.part.kind == kind]
            obeyed = await asyncio.gather(*(end(r, self.layout) for r in parts))
            for running, polite in zip(parts, obeyed, strict=True):
                name = running.part.name
                self._say(f"{name}: stopped" + ("" if polite else " by SIGKILL, it did not obey"))
                del self._running[name]
        self.layout.components.unlink(missing_ok=True)
        self._held.close()

    async def watch(self, stop: asyncio.Event, show: Say) -> None:
        """Restart what crashes and show the logs, until `stop` is set."""
        logs = [(r.part.name, r.log) for r in self._running.values()]
        watching = asyncio.gather(*(self._keep(name) for name in self._running), follow(logs, show))
        both: list[asyncio.Future[Any]] = [watching, asyncio.ensure_future(stop.wait())]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if watching.done():
                watching.result()  # it never ends by itself: this raises what went wrong
        finally:
            for future in both:
                future.cancel()
            await asyncio.gather(*both, return_exceptions=True)

    async def _start_servers(self) -> None:
        wanted = []
        for name, setting in URL_SETTINGS.items():
            url = getattr(self._settings, setting)
            if url:
                self._note(components.of_external(name, url))
                self._say(f"{name}: external")
            elif self._options.external:
                raise SettingsError(f"--external, but LIVEOPS_{setting.upper()} is not set")
            else:
                wanted.append(name)
        book = self._options.ports("127.0.0.1", self.layout.run / "ports.json")
        started = await servers.start_servers(
            self.layout,
            self._say,
            names=tuple(wanted),
            ports=book,
            sync=self._options.sync,
        )
        for name in wanted:
            self._add(started.running[name])

    def _urls(self) -> dict[str, str]:
        return {setting: self.url(name) for name, setting in URL_SETTINGS.items()}

    def _tell(self) -> dict[str, str]:
        """What every child learns through its environment."""
        settings = self._settings
        given = settings.model_fields_set - NOT_TOLD
        told = settings.model_dump(mode="json", include=given, exclude_none=True)
        told |= self._urls()
        told["jwt_secret"] = settings.jwt_secret or kept_secret(self.layout.secrets, "jwt")
        told["data_dir"] = self.layout.root
        return {f"LIVEOPS_{setting.upper()}": str(value) for setting, value in told.items()}

    async def _prepare_stores(self, settings: Settings) -> None:
        """Schema, topics, first users."""
        # Here and not above: whoever wants only the servers needs none of it.
        from liveops.kafka.topics import ensure_topics
        from liveops.postgres.migrate import migrate
        from liveops.security.bootstrap import ensure_users

        dsn = self.url("postgres")
        credentials = ensure_credentials(self.layout, settings.admin_password, self._options.users)
        try:
            await asyncio.gather(migrate(dsn, settings.reader_password), ensure_topics(settings))
            await ensure_users(dsn, credentials)
        except OSError as error:
            raise StartError(f"a server does not answer: {error}") from None
        self._say("schema, topics and users: ready")

    async def _start_workers(self, told: dict[str, str]) -> None:
        host, program = self._settings.bind_host, self._options.program
        book = self._options.ports(host, self.layout.run / "worker-ports.json")
        copies = workers.plan(self._options.scale, book)
        told = told | workers.base_urls(copies, host)
        try:
            async with asyncio.TaskGroup() as group:
                for copy in copies:
                    group.create_task(
                        self._bring_up(workers.worker_part(copy, host, told, program))
                    )
        except BaseExceptionGroup as errors:
            raise servers.first_of(errors) from None
        if self._options.demo:
            await self._bring_up(workers.demo_part(told, program))

    async def _bring_up(self, part: Part) -> None:
        began_s = time.monotonic()
        running = await start(part, self.layout)
        self._add(running)
        where = f" on {part.url}" if part.url else ""
        self._say(f"{part.name}: up{where} ({time.monotonic() - began_s:.1f} s)")

    async def _keep(self, name: str) -> None:
        """Start a part again whenever it ends, with growing pauses."""
        pause_s = FIRST_PAUSE_S
        while True:
            running = self._running[name]
            await self._while_alive(running)
            if running.part.kind == "demo" and running.exit_code == 0:
                return
            if time.monotonic() - running.started_s > STEADY_S:
                pause_s = FIRST_PAUSE_S
            self._say(f"{name}: {_ending(running)}; starting again in {pause_s:.0f} s")
            self._mark(running, "down")
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            self._mark(running, "starting")
            try:
                self._add(await start(running.part, self.layout))
                self._say(f"{name}: up again")
            except StartError as error:
                self._say(str(error))

    async def _while_alive(self, running: Running) -> None:
        """Return when the part has ended; end a worker that hangs or says it is stuck."""
        answered_s = looked_s = time.monotonic()
        while running.exit_code is None:
            await asyncio.sleep(WATCH_POLL_S)
            now_s = time.monotonic()
            if running.part.kind != "worker" or now_s - looked_s < LIVENESS_POLL_S:
                continue
            looked_s = now_s
            if await workers.answers(running.part.url, "/actuator/health/liveness"):
                answered_s = time.monotonic()
            elif time.monotonic() - answered_s > self._options.liveness_patience_s:
                self._say(f"{running.part.name}: not alive, ending it")
                running.process.kill()

    def _add(self, running: Running) -> None:
        self._running[running.part.name] = running
        self._mark(running, "up")

    def _mark(self, running: Running, state: State) -> None:
        if running.part.kind != "demo":
            self._note(components.of_running(running, state))

    def _note(self, component: Component) -> None:
        self._components[component.name] = component
        components.write(self.layout, self.components)


def _ending(running: Running) -> str:
    code = running.exit_code or 0
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"ended with code {code}"

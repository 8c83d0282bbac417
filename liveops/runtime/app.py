"""The Faust application of one worker: every Faust setting in one place."""

from __future__ import annotations

import os
import threading
from typing import Any

import faust
import structlog

from liveops.kafka import batching, chunks
from liveops.kafka.fetching import FetchWait
from liveops.runtime.background import BackgroundService
from liveops.runtime.exit_codes import STOP_CUT_SHORT
from liveops.settings import Settings

log = structlog.get_logger(__name__)
#: Most the broker gives of one partition at once: a backlog is read without pauses.
_FETCH_BYTES = 4 * 1024 * 1024
#: A worker that has not stopped by itself this long after SIGTERM is ended.
STOP_DEADLINE_S = 14.0


class LiveOpsApp(faust.App):
    """A Faust app that starts its background services before its consumer and stops them after.

    They outlive the streams, so a checkpoint loop can still acknowledge the last
    events while Faust waits for its streams to run empty.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.background: list[BackgroundService] = []
        #: Topics whose agents get whole chunks (liveops/kafka/batching.py).
        self.batched_topics: frozenset[str] = frozenset()
        #: How long a fetch waits at the broker for how much.
        self.fetch_wait = FetchWait()
        #: After this long a graceful stop is cut; state is at the broker, nothing is lost.
        self.stop_deadline_s = STOP_DEADLINE_S

    def faults(self) -> str:
        """Why background services failed of late and were started again; "" when none did."""
        return "; ".join(
            filter(None, (getattr(service, "fault", "") for service in self.background))
        )

    async def on_start(self) -> None:
        """Start the background services in the order they were added."""
        await super().on_start()
        for service in self.background:
            await service.start()

    async def on_stop(self) -> None:
        """Let Faust drain its streams first, then stop the background services in reverse."""
        cut = threading.Timer(self.stop_deadline_s, os._exit, args=(STOP_CUT_SHORT,))
        cut.daemon = True
        cut.start()
        await super().on_stop()
        for service in reversed(self.background):
            try:
                await service.stop()
            except Exception:
                log.exception(
                    "background service did not stop cleanly", service=type(service).__name__
                )


def create_app(name: str, settings: Settings, *, port: int) -> LiveOpsApp:
    """The app of worker `name`, serving HTTP on `port`; nothing is started.

    The reasons for the settings are in docs/faust.md.
    """
    batching.register()
    folder = settings.data_dir / "faust" / f"{name}-{settings.worker_index}"
    folder.mkdir(parents=True, exist_ok=True)
    return LiveOpsApp(
        f"liveops-{name}",
        broker=[f"{batching.SCHEME}://{server}" for server in settings.bootstrap_servers],
        env_prefix="FAUST",
        store="memory://",
        datadir=str(folder),
        web_host=settings.bind_host,
        web_bind=settings.bind_host,
        web_port=port,
        web_tables_enabled=False,
        web_router_enabled=False,
        web_application_options={"client_max_size": 1 << 40},
        topic_partitions=settings.partitions,
        topic_replication_factor=settings.replication,
        topic_disable_leader=True,
        broker_session_timeout=6.0,
        broker_heartbeat_interval=1.5,
        broker_rebalance_timeout=10.0,
        broker_commit_interval=1.0,
        consumer_max_fetch_size=_FETCH_BYTES,
        broker_max_poll_records=chunks.MAX_CHUNK_RECORDS,
        producer_linger=0.005,
        producer_max_batch_size=131_072,
        producer_max_request_size=8 * 1024 * 1024,
        producer_request_timeout=120.0,
        stream_buffer_maxsize=16,
        table_standby_replicas=0,
        worker_redirect_stdouts=False,
        debug=False,
        loghandlers=[],
    )

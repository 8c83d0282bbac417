"""One file sent: looked through, measured, delivered; what came of it is told."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from liveops.client import AsyncClient
from liveops.clock import SystemClock
from liveops.embedded.first_users import read_password
from liveops.errors import InvalidInput, LiveOpsError, SettingsError, Unavailable
from liveops.kafka.ingest_sends import IngestSends
from liveops.kafka.producer import Producer
from liveops.send.deliver import Deliver, Origin, deliver_all, over_http, over_kafka
from liveops.send.formats import read_rows
from liveops.send.report import Outcome, Refusals, printable
from liveops.send.retime import Move, Retimer
from liveops.send.rows import Reading, Row
from liveops.send.text import TextFile, look_through
from liveops.settings import Settings
from schema.metrics import MetricFault
from schema.times import format_time

USERS = ("engineer", "admin")
#: So long is tried again when LiveOps does not answer.
PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Entrance:
    """Where to send and as whom."""

    settings: Settings
    kafka: bool
    token: str | None
    patience_s: float


@dataclass(slots=True)
class Job:
    """What to send and how; `outcome` is right at every moment."""

    path: Path
    reading: Reading
    entrance: Entrance
    rebase_s: float | None = None
    compress: float = 1.0
    speed: float | None = None
    skip: int = 0
    skip_invalid: bool = False
    outcome: Outcome = field(default_factory=Outcome)

    def origin(self, digest: str) -> Origin:
        """What the keys of batches and the ids of metrics are made from."""
        times = self.reading.times
        names = (self.reading.service, self.reading.metric)
        return Origin(digest, (*names, times.unit, times.zone, self.rebase_s, self.compress))

    def how_to_resume(self) -> str:
        """One line: how far it came and what to repeat."""
        again = f"--skip {max(self.outcome.done, self.skip)}"
        if self.rebase_s is not None:
            again += f" --rebase {format_time(self.rebase_s)}"
        return (
            f"{self.outcome.sent} metrics acknowledged; to resume repeat the command with {again}"
        )


@dataclass(slots=True)
class Measure:
    """A file read once without sending: its rows, what is wrong, the latest time."""

    rows: int = 0
    good: int = 0
    last_s: float = float("-inf")
    gaps: Refusals = field(default_factory=Refusals)
    bad: Refusals = field(default_factory=Refusals)

    def add(self, row: Row) -> None:
        """Note one row."""
        self.rows += 1
        if not isinstance(row.verdict, MetricFault):
            self.good += 1
            self.last_s = max(self.last_s, row.verdict.timestamp_s)
        else:
            self.bad.add(row.line, row.verdict)
            if row.verdict.reason == "gap":
                self.gaps.add(row.line, row.verdict)


def measured(job: Job) -> tuple[TextFile, Measure]:
    """Reads the whole file; raises InvalidInput when nothing of it can be sent."""
    file = look_through(job.path)
    measure = Measure()
    for row in read_rows(file, job.reading):
        measure.add(row)
    for line in job.reading.told:
        _tell(line)
    _check(measure, job.skip_invalid)
    return file, measure


async def send(job: Job, file: TextFile, measure: Measure) -> None:
    """Raises Unavailable or InvalidInput, with how to resume, when it is stopped on the way."""
    clock = SystemClock()
    anchor_s = measure.last_s if job.rebase_s is None else job.rebase_s
    move = Move(measure.last_s, anchor_s, job.compress)
    max_age_s = job.entrance.settings.raw_retention_days * 86_400.0
    retimer = Retimer(move, clock, max_age_s, job.rebase_s is not None)
    began_s = clock.monotonic_s()
    try:
        await _deliver(job, file, measure.rows, retimer)
    except LiveOpsError as error:
        text = f"{printable(str(error))}; {job.how_to_resume()}"
        if error.retryable:
            raise Unavailable("LiveOps", text) from error
        raise InvalidInput(text) from error
    finally:
        rate = job.outcome.sent / max(clock.monotonic_s() - began_s, 1e-3)
        print(f"sent {job.outcome.sent} metrics ({rate:.0f}/s)")
        _report(job.outcome, retimer)


def _check(measure: Measure, skip_invalid: bool) -> None:
    """Raises InvalidInput where nothing is to be sent, after naming the rows."""
    if measure.gaps.count and not skip_invalid:
        for line in measure.gaps.lines():
            _tell(line)
        raise InvalidInput(
            f"rows without a value: {measure.gaps.count}; nothing was sent "
            "(--skip-invalid leaves them out)"
        )
    if not measure.good:
        for line in measure.bad.lines():
            _tell(line)
        told = f"; {measure.bad.summary()}" if measure.bad.count else ""
        raise InvalidInput(f"there is no metric in the input{told}")


def _report(outcome: Outcome, retimer: Retimer) -> None:
    if retimer.too_old:
        print(f"left out {retimer.too_old} metrics older than {retimer.max_age_s / 86_400:g} days")
    for line in outcome.refused.lines():
        _tell(line)
    if outcome.refused.count:
        print(outcome.refused.summary())
        if outcome.refused.counts["too_old"]:
            print("--rebase now shifts the times of a file to the present")


def _tell(line: str) -> None:
    print(printable(line), file=sys.stderr)


async def _deliver(job: Job, file: TextFile, total: int, retimer: Retimer) -> None:
    clock = SystemClock()
    began_s = clock.monotonic_s()
    with _progress_bar() as bar:
        task = bar.add_task("", total=total, completed=min(job.skip, total), rate="")

        def progress(done: int) -> None:
            rate = job.outcome.sent / max(clock.monotonic_s() - began_s, 1e-3)
            bar.update(task, completed=done, rate=f"{rate:.0f}/s")

        async with entrance(job.entrance, job.origin(file.digest)) as deliver:
            rows = (row for row in read_rows(file, job.reading) if row.number > job.skip)
            moved = retimer.rows(rows)
            await deliver_all(moved, deliver, clock, job.speed, job.outcome, progress)
        progress(total)


def _progress_bar() -> Progress:
    return Progress(
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )


@asynccontextmanager
async def entrance(where: Entrance, origin: Origin) -> AsyncIterator[Deliver]:
    """The way in, opened."""
    settings = where.settings
    if where.kafka:
        sends = IngestSends(Producer(settings))
        await sends.start()
        try:
            yield over_kafka(sends, origin, where.patience_s)
        finally:
            await sends.stop()
        return
    user, password = ("", "") if where.token else _credentials(settings)
    async with AsyncClient(
        settings.metrics_url,
        auth_url=settings.auth_url,
        token=where.token,
        username=user,
        password=password,
        patience_s=where.patience_s,
    ) as client:
        yield over_http(client, origin)


def _credentials(settings: Settings) -> tuple[str, str]:
    """First user of `credentials.json` that may send."""
    for user in USERS[:-1]:
        with suppress(SettingsError):
            return user, read_password(settings.data_dir, user)
    return USERS[-1], read_password(settings.data_dir, USERS[-1])

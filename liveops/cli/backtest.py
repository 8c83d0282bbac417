"""`liveops backtest`: the detectors over files, as they would have judged them live."""

from __future__ import annotations

import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import tzinfo
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from liveops.cli import backtest_plot
from liveops.cli.backtest_plot import Drawn
from liveops.cli.send import zone
from liveops.clock import SystemClock
from liveops.detection.alone import Alone
from liveops.detection.ensemble import ONE_ALARM_IN_DAYS, Detector, Verdicts, score
from liveops.errors import InvalidInput
from liveops.forecasting.model import fit
from liveops.send.formats import read_rows
from liveops.send.report import Refusals
from liveops.send.rows import Reading, Row
from liveops.send.text import look_through, spooled
from liveops.send.times import FileTimes, Unit
from schema.metrics import MetricFault
from schema.times import format_time

#: Names of what a file of `timestamp,value` measures.
_SERVICE, _METRIC = "file", "value"


class Config(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What a configuration file may say."""

    detector: Detector = "ensemble"
    one_alarm_in_days: Annotated[float, msgspec.Meta(gt=0)] = ONE_ALARM_IN_DAYS


class Result(msgspec.Struct, frozen=True):
    """One row of a file."""

    file: str
    timestamp: str | None
    value: float | None
    anomaly_score: float = 0.0
    is_anomaly: bool = False
    detector: str = "ensemble"
    expected: float | None = None
    lower: float | None = None
    upper: float | None = None


@dataclass(slots=True)
class Run:
    """One file: its series, and what of it could not be read."""

    name: str
    config: Config
    series: dict[tuple[str, str], Alone] = field(default_factory=dict)
    refused: Refusals = field(default_factory=Refusals)
    rows: int = 0
    drawn: dict[tuple[str, str], Drawn] | None = None

    def results(self, rows: Iterator[Row]) -> Iterator[Result]:
        """One a row, known when the row is."""
        for row in rows:
            self.rows += 1
            yield self._result(row)

    def _result(self, row: Row) -> Result:
        detector: Detector = self.config.detector
        metric = row.verdict
        if isinstance(metric, MetricFault) or not row.timed:
            fault = metric if isinstance(metric, MetricFault) else MetricFault([], "no timestamp")
            self.refused.add(row.line, fault)
            return Result(self.name, None, None, detector=detector)
        key = metric.service_name, metric.series
        series = self.series.get(key)
        if series is None:
            series = self.series[key] = Alone(detector, self.config.one_alarm_in_days, fit=fit)
        verdicts = series.judge(metric.timestamp_s, metric.value)
        told = format_time(metric.timestamp_s)
        if self.drawn is not None:
            _draw(self.drawn, self.name, key, metric.timestamp_s, metric.value, verdicts)
        if verdicts is None or verdicts.learning[0]:
            return Result(self.name, told, metric.value, detector=detector)
        return _judged(self.name, told, metric.value, detector, verdicts)


def _draw(
    drawn: dict[tuple[str, str], Drawn],
    file: str,
    key: tuple[str, str],
    time_s: float,
    value: float,
    verdicts: Verdicts | None,
) -> None:
    one = drawn.setdefault(key, Drawn(" ".join((file, *key))))
    if verdicts is None or verdicts.learning[0]:
        one.add(time_s, value)
        return
    bounds = float(verdicts.lower[0]), float(verdicts.upper[0])
    one.add(time_s, value, float(score(verdicts)[0]), bool(verdicts.alarm[0]), bounds)


def _judged(name: str, told: str, value: float, detector: str, verdicts: Verdicts) -> Result:
    return Result(
        name,
        told,
        value,
        round(float(score(verdicts)[0]), 6),
        bool(verdicts.alarm[0]),
        detector,
        float(verdicts.expected[0]),
        float(verdicts.lower[0]),
        float(verdicts.upper[0]),
    )


def _config(path: Path | None, detector: Detector | None) -> Config:
    """The file's, where `--detector` says nothing else; raises InvalidInput."""
    told: dict[str, Any] = {}
    if path is not None:
        try:
            told = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise InvalidInput(f"{path}: {error.strerror or error}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise InvalidInput(f"{path}: no TOML: {error}") from None
    if detector is not None:
        told["detector"] = detector
    try:
        return msgspec.convert(told, Config)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"{path}: {error}") from None


def command(
    files: Annotated[list[str], typer.Argument(help="Files, or - for standard input.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a row, in row order.")
    ] = False,
    detector: Annotated[
        Detector | None, typer.Option(help="One of them instead of all joined.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="TOML: detector, one_alarm_in_days.")] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Picture (.png) of values, bounds, score and alarms.")
    ] = None,
    service: Annotated[str, typer.Option(help="For files without service_name.")] = _SERVICE,
    metric: Annotated[str, typer.Option(help="For files without metric_type.")] = _METRIC,
    unit: Annotated[
        Unit | None, typer.Option(help="Of Unix times; else told from their size.")
    ] = None,
    tz: Annotated[
        tzinfo, typer.Option(parser=zone, metavar="ZONE", help="Of times without an offset.")
    ] = "UTC",  # type: ignore[assignment]  # a default is parsed like an argument
) -> None:
    """Judge files row by row, each row a closed window of the file's own step."""
    chosen = _config(config, detector)
    if plot is not None:
        backtest_plot.require(plot)
    refused = 0
    drawn: list[Drawn] = []
    for name in files:
        reading = Reading(service, metric, FileTimes(unit, tz), SystemClock().now_s())
        run = Run(name, chosen, drawn=None if plot is None else {})
        _run(run, reading, as_json)
        drawn += (run.drawn or {}).values()
        # A gap is no fault of the file: nothing was measured.
        refused += run.refused.count - run.refused.counts["gap"]
    if plot is not None:
        backtest_plot.draw(drawn, plot)
        if len(drawn) > backtest_plot.MOST_SERIES:
            most = backtest_plot.MOST_SERIES
            print(f"{plot}: the first {most} of {len(drawn)} series", file=sys.stderr)
    if refused:
        raise typer.Exit(1)


def _run(run: Run, reading: Reading, as_json: bool) -> None:
    alarms = 0
    with tempfile.TemporaryDirectory(prefix="liveops-backtest-") as folder:
        text = look_through(spooled(run.name, sys.stdin.buffer, Path(folder)))
        encode = msgspec.json.Encoder().encode
        for result in run.results(read_rows(text, reading)):
            alarms += result.is_anomaly
            if as_json:
                sys.stdout.write(encode(result).decode() + "\n")
            elif result.is_anomaly:
                print(
                    f"{result.file}: {result.timestamp} {result.value:.6g}, "
                    f"expected {result.expected:.6g} ({result.lower:.6g} to {result.upper:.6g})"
                )
    if not as_json:
        print(f"{run.name}: {run.rows} rows, {alarms} alarm{'s' * (alarms != 1)}")
    for line in [*reading.told, *run.refused.lines()]:
        print(f"{run.name}: {line}", file=sys.stderr)

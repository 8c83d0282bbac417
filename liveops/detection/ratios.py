"""Ratios of two metrics of a service, judged when the later of both windows closes. Pure."""

from __future__ import annotations

from dataclasses import replace

from liveops.detection import relations
from liveops.detection.alarm import Observation
from liveops.detection.apply import apply, subject_of
from liveops.detection.report import Outcome, alarm_of
from liveops.detection.rulebook import RuleBook
from liveops.detection.state import SeriesState, ServiceDetectors
from schema.metrics import Aggregate
from schema.series import series_key


def divide(
    state: ServiceDetectors,
    series: SeriesState,
    window: Aggregate,
    observation: Observation,
    book: RuleBook,
    outcome: Outcome,
) -> None:
    """Judge the ratios that a closed window completes, above or below the line."""
    below = [
        rule
        for rule in book.ratios_per(state.service, window.metric_type)
        if rule.window == window.window and rule.tags.items() <= window.tags.items()
    ]
    relations.remember(series, below, window)
    above = book.for_series(state.service, window.series, window.metric_type, window.tags).values
    pairs = [(rule, rule.metric, window.metric_type) for rule in below]
    pairs += [
        (rule, window.metric_type, rule.per)
        for rule in above
        if rule.kind == "ratio" and rule.per is not None and rule.window == window.window
    ]
    for rule, metric, per in pairs:
        over = state.series.get(series_key(metric, window.tags))
        under = state.series.get(series_key(per, window.tags))
        if over is None or under is None:
            continue
        verdict = relations.judge_ratio(rule, over, under, window.window)
        subject = subject_of(state.service, window)
        subject = replace(subject, metric_type=metric, series=series_key(metric, window.tags))
        apply(alarm_of(over.alarms, rule), verdict, rule, subject, observation, book, outcome)

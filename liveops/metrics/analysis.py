"""Analyses, and the language model behind some of them."""

from __future__ import annotations

import math

from prometheus_client import Counter, Gauge, Histogram

from liveops.metrics.group import Group, preset

REGISTRY = Group()

ANALYSES = Counter(
    "liveops_analyses_total",
    "Analyses completed, by source (llm, fallback).",
    ["source"],
    registry=REGISTRY,
)
ANALYSES_FAILED = Counter(
    "liveops_analyses_failed_total",
    "Analyses given up after several attempts.",
    registry=REGISTRY,
)
ANALYSIS_SECONDS = Histogram(
    "liveops_analysis_seconds",
    "Time from the request of an analysis to its completion.",
    buckets=(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 60.0, 300.0),
    registry=REGISTRY,
)
LLM_SECONDS = Histogram(
    "liveops_llm_request_seconds",
    "Time of one call of the language model, retries included, also of one that failed.",
    buckets=(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 60.0),
    registry=REGISTRY,
)
LLM_TOKENS = Counter(
    "liveops_llm_tokens_total",
    "Tokens the language model has charged for, by kind: `prompt` or `completion`.",
    ["kind"],
    registry=REGISTRY,
)
LLM_COST_USD = Counter(
    "liveops_llm_cost_usd_total",
    "What the language model has cost by list price; models without a known price count 0.",
    registry=REGISTRY,
)
LLM_ERRORS = Counter(
    "liveops_llm_errors_total",
    "Questions to the language model without a usable answer, by kind: requests that met "
    "`rate_limit`, `server`, `connection`, `timeout` or `refused` after all retries, answers "
    "that were `declined` or `unusable`, and questions not asked because a `budget` was spent.",
    ["kind"],
    registry=REGISTRY,
)
LLM_BUDGET_LEFT = Gauge(
    "liveops_llm_budget_left_ratio",
    "What is left of the day's limits of tokens and usd, for all copies, from 1 to 0; without "
    "a language model there is none.",
    ["limit"],
    registry=REGISTRY,
)
LLM_CACHE_HITS = Counter(
    "liveops_llm_cache_hits_total",
    "Analyses that took the model's earlier words about the same signature instead of a call.",
    registry=REGISTRY,
)
VERDICTS = Gauge(
    "liveops_analysis_verdicts",
    "Verdicts of people on analyses that named a cause, the newest thousand of each source: "
    "`right` or `wrong`.",
    ["source", "verdict"],
    registry=REGISTRY,
)
CALIBRATION_ERROR = Gauge(
    "liveops_analysis_calibration_error_ratio",
    "Mean distance between how sure judged analyses said they were and how often they were right, "
    "by source; NaN where nothing was judged.",
    ["source"],
    registry=REGISTRY,
)
for _source in ("llm", "fallback"):
    VERDICTS.labels(_source, "right")
    VERDICTS.labels(_source, "wrong")
    CALIBRATION_ERROR.labels(_source).set(math.nan)
preset(ANALYSES, ("llm", "fallback"))
preset(LLM_TOKENS, ("prompt", "completion"))
preset(
    LLM_ERRORS,
    ("rate_limit", "server", "connection", "timeout", "refused", "declined", "unusable", "budget"),
)

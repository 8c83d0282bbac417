"""Structured logs: one JSON object a line, or a readable console line."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

from liveops.settings import Settings

#: Libraries that say at INFO what is of no use to an operator.
_QUIET = ("aiokafka", "faust", "mode", "asyncio", "httpx", "openai")
#: Faust's livelock detector warns of partitions that are rightly idle (docs/faust.md).
_FALSE_ALARMS = ("has not been fetched", "No event processed", "No event fetched", "livelock")


class _NoFalseAlarms(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        return not any(text in message for text in _FALSE_ALARMS)


def configure(settings: Settings, service: str) -> None:
    """Route structlog and the standard library through one formatter to stderr."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        # What is below the level costs a call and nothing else.
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        cache_logger_on_first_use=True,
    )
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_NoFalseAlarms())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.contextvars.bind_contextvars(service=service)

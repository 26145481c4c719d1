"""Structured logs: JSON in production, coloured lines in development."""

from __future__ import annotations

import io
from typing import Any, TextIO

import structlog

from energy.lib.masking import is_secret_name, mask_text, mask_values

# what structlog and its Django part write themselves; a response's status is called "code"
_PLAIN = frozenset({"code", "level", "timestamp", "logger", "request_id"})


def mask_secrets(_logger: Any, _name: str, event: dict[str, Any]) -> dict[str, Any]:
    """Mask secrets in a log line, by name and by look; a structlog processor."""
    for name, value in event.items():
        if name in _PLAIN or name.startswith("_"):
            continue
        event[name] = "********" if is_secret_name(name) else mask_values(value)
    return event


def mask_rendered(_logger: Any, _name: str, event: dict[str, Any]) -> dict[str, Any]:
    """Mask what a traceback shows, once it is text."""
    if isinstance(trace := event.get("exception"), str):
        event["exception"] = mask_text(trace)
    return event


_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
    mask_secrets,
]


def _masked_traceback(out: TextIO, exc_info: Any) -> None:
    buffer = io.StringIO()
    structlog.dev.plain_traceback(buffer, exc_info)
    out.write(mask_text(buffer.getvalue()))


def logging_config(*, level: str, style: str) -> dict[str, Any]:
    """Return Django's LOGGING for `style` json or console; every line goes to stderr."""
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    renderers: list[Any] = (
        [structlog.processors.format_exc_info, mask_rendered, structlog.processors.JSONRenderer()]
        if style == "json"
        # the rich traceback would print local variables, and with them secrets
        else [structlog.dev.ConsoleRenderer(exception_formatter=_masked_traceback)]
    )
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": _SHARED,
        "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": formatter},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django.server": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
            "daphne": {"level": "WARNING"},
        },
    }

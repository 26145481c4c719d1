"""Logs; a part of energy.settings."""

from __future__ import annotations

from energy.lib.env import read_environment
from energy.lib.logs import logging_config

_env = read_environment()
_PRODUCTION = _env.str("ENVIRONMENT", default="production") == "production"

LOG_LEVEL = _env.str("LOG_LEVEL", default="INFO")
LOG_FORMAT = _env.str("LOG_FORMAT", default="json" if _PRODUCTION else "console")
LOGGING = logging_config(level=LOG_LEVEL, style=LOG_FORMAT)
DJANGO_STRUCTLOG_CELERY_ENABLED = False

"""Composition root: settings, URLs, ASGI, Celery, health, checks and every long-running command."""

from energy.celery import app as celery_app

__all__ = ["celery_app"]

"""Tells the history of changes which command or task is at work, where there is no request.

It is said once to each connection, not around each statement as `pghistory.context` does:
daemons pay nothing for it, and COPY, executemany and psycopg's composed SQL stay as they are.
Django connects anew for each task, so a worker's connections always carry the task at work.
"""

from __future__ import annotations

import json
import sys
from contextvars import ContextVar, Token
from pathlib import Path
from typing import Any

from celery.signals import task_postrun, task_prerun
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

_SAY = "SELECT set_config('pghistory.context_metadata', %s, false)"
_PROGRAMS = {"manage.py", "django-admin", "celery"}
_task: ContextVar[str] = ContextVar("task", default="")
_tokens: dict[str, Token[str]] = {}


def command_of(argv: list[str]) -> str:
    """Return the management command of a command line, or "celery"; "" for web servers."""
    program = Path(argv[0]).name if argv else ""
    if program not in _PROGRAMS:
        return ""
    return "celery" if program == "celery" else "".join(argv[1:2])


def work_at_hand() -> dict[str, str]:
    """Return what the history keeps about this process: its task, else its command."""
    if task := _task.get():
        return {"actor_kind": "system", "task": task}
    command = command_of(sys.argv)
    return {"actor_kind": "system", "command": command} if command else {}


def watch_connections() -> None:
    """Begin to tell; called once when the app is ready."""
    connection_created.connect(_connected, dispatch_uid="unattended")
    task_prerun.connect(_begin_task, dispatch_uid="unattended", weak=False)
    task_postrun.connect(_end_task, dispatch_uid="unattended", weak=False)


def _connected(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    if work_at_hand():
        _say(connection)


def _begin_task(task_id: str, task: Any, **kwargs: Any) -> None:
    _tokens[task_id] = _task.set(task.name)
    _say_if_connected()


def _end_task(task_id: str, **kwargs: Any) -> None:
    token = _tokens.pop(task_id, None)
    if token is not None:
        _task.reset(token)
        _say_if_connected()


def _say_if_connected() -> None:
    if connection.connection is not None and not connection.needs_rollback:
        _say(connection)


def _say(connection: BaseDatabaseWrapper) -> None:
    facts = work_at_hand()
    with connection.cursor() as cursor:
        cursor.execute(_SAY, [json.dumps(facts) if facts else ""])

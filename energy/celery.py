"""The Celery application: jobs in the queues default, ota and cleanup."""

import os
import time
from typing import Any

from celery import Celery
from celery.signals import heartbeat_sent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "energy.settings")

app = Celery("energy")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@heartbeat_sent.connect
def note_heartbeat(sender: Any, **_: Any) -> None:
    """Tell /readyz that a worker is alive; Celery itself says so every two seconds."""
    from energy.lib import heartbeat

    heartbeat.beat("worker", sender.eventer.hostname, now=time.time())

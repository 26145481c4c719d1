"""The Celery application: jobs in the queues default, ota and cleanup."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "energy.settings")

app = Celery("energy")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

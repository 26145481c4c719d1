"""Dies by kill -9 with a zone's phase changed and not committed: `python -m … ID TENANT TIME`."""

# ruff: noqa: E402 (Django is set up before its models are imported)

from __future__ import annotations

import datetime as dt
import os
import signal
import sys
import uuid

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "energy.settings")

import django

django.setup()

from django.db import transaction

from accounts.tenancy import tenant_scope
from automation.services.controlling import control_zone

control, tenant, moment = sys.argv[1:]
with tenant_scope(uuid.UUID(tenant)), transaction.atomic():
    control_zone(control_id=uuid.UUID(control), now=dt.datetime.fromisoformat(moment))
    os.kill(os.getpid(), signal.SIGKILL)

"""The admin works without its theme."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.contrib import admin
from django.db import connection
from django.urls import reverse

from accounts.admin_base import ReadOnlyAdmin
from tests.accounts.conftest import Fleet
from tests.factories import RejectedMessageFactory

READ_ONLY = {
    model._meta.model_name
    for model, model_admin in admin.site._registry.items()
    if isinstance(model_admin, ReadOnlyAdmin)
}


@pytest.mark.django_db(transaction=True)
def test_every_page_answers_under_the_plain_admin(staff, red_fleet: Fleet):
    device = reverse("admin:devices_device_change", args=[red_fleet.device.pk])
    rejected = RejectedMessageFactory()
    message = reverse("admin:telemetry_rejectedmessage_change", args=[rejected.pk])
    server = os.environ["DATABASE_URL"].rpartition("/")[0]
    tenant = str(red_fleet.team.tenant.pk)

    probe = subprocess.run(
        [sys.executable, "-m", "tests.admin.plain_probe", tenant, device, message],
        env=os.environ
        | {
            "DJANGO_SETTINGS_MODULE": "tests.admin.plain_settings",
            "DATABASE_URL": f"{server}/{connection.settings_dict['NAME']}",
        },
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert probe.returncode == 0, probe.stderr[-2000:]
    answers = json.loads(probe.stdout)
    refused = {url for url, status in answers.items() if status == 403}
    assert {url.split("/")[3] for url in refused} <= READ_ONLY
    assert {status for url, status in answers.items() if url not in refused} == {200}

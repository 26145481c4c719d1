"""Stored permissions follow the registry."""

from __future__ import annotations

import io

from django.contrib.auth.models import Permission
from django.core.management import call_command

from accounts.models import Role
from devices.services.rbac_sync import sync_permissions


def test_it_makes_the_rows_that_shares_refer_to(db):
    report = sync_permissions()

    assert report.codes == 56
    rows = Permission.objects.filter(codename__contains=":").values_list(
        "content_type__model", "codename"
    )
    assert set(rows) == {
        ("site", "read:site"),
        ("site", "read:device"),
        ("site", "read:telemetry"),
        ("site", "control:device"),
        ("device", "read:device"),
        ("device", "read:telemetry"),
        ("device", "control:device"),
    }


def test_unknown_codes_leave_the_roles_of_every_tenant(red, blue):
    for team in (red, blue):
        with team.scope():
            Role.objects.create(tenant=team.tenant, name="Old", codes=["read:site", "fly:device"])

    report = sync_permissions()

    assert [(role.tenant, role.codes) for role in report.pruned] == [
        ("blue", ["fly:device"]),
        ("red", ["fly:device"]),
    ]
    with red.scope():
        assert Role.objects.get().codes == ["read:site"]


def test_the_second_time_nothing_is_left_to_do(db):
    call_command("rbac_sync", verbosity=0)
    out = io.StringIO()

    call_command("rbac_sync", stdout=out)

    assert "56 permissions in the registry; 0 rows made for shares; 0 roles" in out.getvalue()

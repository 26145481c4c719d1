"""Jobs and the list for staff."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core.management import call_command
from django.utils import timezone

from accounts.tenancy import all_tenants
from devices.models import Claim, ClaimState, PendingDevice
from devices.tasks_claims import expire_claims, forget_boxes
from tests.conftest import Team
from tests.provisioning.conftest import Box
from tests.provisioning.test_claims import claim


def test_staff_see_open_claims_and_boxes(
    red: Team, box: Box, capsys: pytest.CaptureFixture[str]
) -> None:
    now = timezone.now()
    box.say_hello(now)
    claim(red, box, now=now)
    Box(mac="AABBCCDDEEFF").say_hello(now)
    call_command("claim_list")
    claims, boxes = capsys.readouterr().out.split("Unclaimed boxes:")
    assert "24:6f:28:aa:bb:cc  claimed  red" in claims
    assert "aa:bb:cc:dd:ee:ff" in boxes and "24:6f:28" not in boxes


def test_the_jobs_do_their_work(red: Team, box: Box) -> None:
    long_ago = timezone.now() - dt.timedelta(days=3)
    box.say_hello(long_ago)
    claim(red, box, now=long_ago)
    Box(mac="AABBCCDDEEFF").say_hello(long_ago)
    assert expire_claims() == 1
    assert forget_boxes() == {"forgotten": 1, "offers": 0}
    with all_tenants():
        assert Claim.objects.get().state == ClaimState.EXPIRED
    assert PendingDevice.objects.get().code_hash == ""

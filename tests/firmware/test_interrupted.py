"""Updates that are interrupted (F50): processes killed, power lost, flash broken."""

import datetime as dt
import os
import signal
import subprocess
import sys
import textwrap
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.conf import settings
from django.db import connection

from accounts.models import AuditEvent
from devices.models import Campaign, CampaignTarget, OutboundMessage
from devices.services.campaign_selection import Plan
from devices.services.campaign_steps import step_campaigns
from devices.services.campaigns import start_campaign
from tests.firmware.conftest import IMAGE
from tests.firmware.double import DeviceDouble

# what a process is killed in: the function, and its how many-th call
STAGES = {
    "late targets are ended": ("devices.services.campaign_steps.count_waves", 1),
    "the second offer is written": ("devices.services.campaign_steps.offer_firmware", 2),
    "all is written, nothing committed": ("devices.services.campaign_steps._finish", 1),
}
KILLED = """
    import os, signal, sys
    import django
    django.setup()
    import datetime as dt
    from importlib import import_module
    module, _dot, name = {path!r}.rpartition(".")
    owner = import_module(module)
    real, calls = getattr(owner, name), []
    def dying(*args, **kwargs):
        calls.append(1)
        found = real(*args, **kwargs)
        if len(calls) == {number}:
            os.kill(os.getpid(), signal.SIGKILL)
        return found
    setattr(owner, name, dying)
    from devices.services.campaign_steps import step_campaigns
    step_campaigns(now=dt.datetime.fromisoformat({now!r}))
"""


@pytest.fixture
def now():
    """The clock of the site, a little ago, so that what is offered later is not in the future."""
    return dt.datetime.now(dt.UTC) - dt.timedelta(seconds=200)


@pytest.fixture
def start(red, profile, release, make_devices, now):
    def run(number, **fields):
        devices = make_devices(number)
        given = {"name": "x", "kind": "firmware", "profile": profile, "release": release,
                 "pause_seconds": 0, **fields}  # fmt: skip
        with red.scope():
            campaign = start_campaign(plan=Plan(**given), actor=red.owner, now=now)
        return campaign, [DeviceDouble(device) for device in devices]

    return run


def snapshot(red):
    with red.scope():
        rows = list(CampaignTarget.objects.order_by("id").values())
        campaigns = list(Campaign.objects.order_by("id").values())
    return rows, campaigns, OutboundMessage.objects.count(), AuditEvent.objects.count()


def states(red):
    with red.scope():
        return dict(Counter(CampaignTarget.objects.values_list("state", flat=True)))


def run_killed(path, number, now):
    database = connection.settings_dict
    address = f"{database['HOST']}:{database['PORT']}/{database['NAME']}"
    user = (
        f"{database['USER']}:{database['PASSWORD']}" if database["PASSWORD"] else database["USER"]
    )
    script = textwrap.dedent(KILLED).format(path=path, number=number, now=now.isoformat())
    environment = os.environ | {"DATABASE_URL": f"postgresql://{user}@{address}"}
    return subprocess.run(
        [sys.executable, "-c", script], env=environment, cwd=settings.BASE_DIR, check=False
    ).returncode


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("stage", STAGES)
def test_a_killed_step_leaves_nothing_half_done(stage, red, start, now):
    path, number = STAGES[stage]
    campaign, _doubles = start(6, canary="3", waves=["3"])
    step_campaigns(now=now)
    with red.scope():  # one try is late, so that a step has all kinds of work
        late = CampaignTarget.objects.filter(state="offered").first()
        CampaignTarget.objects.filter(id=late.id).update(deadline_at=now)
        CampaignTarget.objects.filter(state="pending").update(wave=0)
    later = now + dt.timedelta(seconds=60)
    before = snapshot(red)

    assert run_killed(path, number, later) == -signal.SIGKILL
    assert snapshot(red) == before

    step_campaigns(now=later)  # the next process does all of it
    assert states(red) == {"pending": 1, "offered": 5}
    assert OutboundMessage.objects.count() == before[2] + 3


def test_power_lost_while_loading_goes_on_where_the_bytes_end(red, start, now):
    campaign, [double] = start(1)
    step_campaigns(now=now)
    double.loses_power_after = 1
    double.follow_offers(now)
    assert 0 < len(double.flash) < len(IMAGE)
    kept = len(double.flash)

    double.loses_power_after = 0
    back = dt.datetime.now(dt.UTC)  # after the page was asked, which has its own clock
    double.boot(back)  # says the old version; gets a new address for the same try
    double.follow_offers(back)
    with red.scope():
        target = CampaignTarget.objects.get()
    assert (target.state, target.tries) == ("installing", 1)
    assert target.asked_bytes < len(IMAGE) + kept
    assert bytes(double.flash) == IMAGE

    double.boot(back + dt.timedelta(seconds=20))
    step_campaigns(now=back + dt.timedelta(seconds=30))
    assert states(red) == {"done": 1}


def test_a_wrong_hash_at_two_canaries_halts_before_anybody_else(red, start, now):
    campaign, doubles = start(8, canary="3", waves=["5"])
    for double in doubles:
        double.flips = True
    step_campaigns(now=now)
    for double in doubles:
        double.follow_offers(now)
    assert sum("failed" in double.said for double in doubles) == 3
    assert all("installing" not in double.said for double in doubles)

    step_campaigns(now=now + dt.timedelta(seconds=10))
    with red.scope():
        halted = Campaign.objects.get()
    assert (halted.state, halted.reason_code) == ("halted", "canary_failures")
    step_campaigns(now=now + dt.timedelta(hours=5))
    assert not OutboundMessage.objects.exists()
    assert all(double.version == "1.0.0" for double in doubles)


def test_flash_that_is_broken_once_is_written_again(red, start, now):
    campaign, [double] = start(1)
    double.flips = True
    step_campaigns(now=now)
    double.follow_offers(now)
    double.flips = False
    again = now + dt.timedelta(seconds=61)
    step_campaigns(now=again)
    double.follow_offers(again)
    double.boot(again + dt.timedelta(seconds=20))
    with red.scope():
        target = CampaignTarget.objects.get()
    assert (target.state, target.tries, target.error_code) == ("done", 2, "")


@pytest.mark.django_db(transaction=True)
def test_two_workers_offer_each_device_once(red, start, now):
    start(12, canary="12")

    def work(_number):
        try:
            return step_campaigns(now=now)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(8)))
    assert states(red) == {"offered": 12}
    topics = Counter(OutboundMessage.objects.values_list("topic", flat=True))
    assert set(topics.values()) == {1}

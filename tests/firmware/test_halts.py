"""Campaigns: halts, deadlines, retries, rollbacks, and what people do."""

import pytest

from accounts.models import AuditEvent
from devices.models import (
    DeviceEvent,
)
from devices.services.campaign_steps import step_campaigns
from devices.services.campaigns import (
    WrongState,
    cancel_campaign,
    pause_campaign,
    resume_campaign,
)
from devices.services.firmware import ReleaseGone, withdraw_release
from tests.factories import NOW
from tests.firmware.rollout import after, fresh, install, offers, say, states


def test_two_failing_canaries_halt_it(red, start, targets, make_devices):
    make_devices(10)
    campaign = start(canary="3", waves=["7"])
    step_campaigns(now=NOW)
    first, second, third = [row for row in targets(campaign) if row.state == "offered"]

    say(first.device, state="failed", error_code="hash_mismatch", error="sha256 differs")
    step_campaigns(now=after(seconds=1))
    assert fresh(red, campaign).state == "running"
    say(second.device, state="failed", error_code="hash_mismatch")
    install(third, after(seconds=2))
    step_campaigns(now=after(seconds=3))

    halted = fresh(red, campaign)
    assert (halted.state, halted.reason_code) == ("halted", "canary_failures")
    for later in (60, 3600, 86_400):
        step_campaigns(now=after(seconds=later))
    assert len(offers()) == 3  # nobody else was offered it, not even again
    assert states(targets(campaign)) == {"done": 1, "pending": 9}
    assert AuditEvent.objects.filter(action="campaign.halted").count() == 1


def test_a_single_canary_that_fails_for_good_halts_it(red, start, targets, make_devices):
    make_devices(4)
    campaign = start(canary="1", waves=["3"])
    step_campaigns(now=NOW)
    [canary] = [row for row in targets(campaign) if row.state == "offered"]
    say(canary.device, state="failed", error_code="incompatible")
    step_campaigns(now=after(seconds=1))
    assert fresh(red, campaign).reason_code == "canary_failed"


def test_the_failure_rate_halts_it_and_people_may_go_on(red, start, targets, make_devices):
    make_devices(21)
    campaign = start(canary="1", waves=["10", "10"], halt_percent=20, max_tries=1)
    step_campaigns(now=NOW)
    install(targets(campaign)[0], after(seconds=1))
    step_campaigns(now=after(seconds=2))
    wave = [row for row in targets(campaign) if row.state == "offered"]
    assert len(wave) == 10
    for number, target in enumerate(wave):
        if number < 3:
            say(target.device, after(seconds=3), state="failed", error="no space")
        else:
            install(target, after(seconds=3))
    step_campaigns(now=after(seconds=4))
    halted = fresh(red, campaign)
    assert (halted.state, halted.reason) == ("halted", "Failures: 3 of 11 devices.")

    with red.scope():
        resume_campaign(campaign_id=campaign.id, reason="known bad flash", now=after(seconds=5))
    step_campaigns(now=after(seconds=6))
    assert states(targets(campaign)) == {"done": 8, "failed": 3, "offered": 10}


def test_withdrawn_firmware_halts_it(red, start, targets, make_devices, release):
    make_devices(2)
    campaign = start()
    with red.scope():
        withdraw_release(release_id=release.id, now=NOW)
    step_campaigns(now=NOW)
    assert fresh(red, campaign).reason_code == "release_withdrawn"
    assert not offers()
    with red.scope(), pytest.raises(ReleaseGone):
        resume_campaign(campaign_id=campaign.id, reason="no", now=NOW)


def test_every_state_has_an_end_and_is_tried_again(red, start, targets, make_devices):
    make_devices(1)
    campaign = start(max_tries=2)
    step_campaigns(now=NOW)
    step_campaigns(now=after(seconds=899))
    assert targets(campaign)[0].state == "offered"
    step_campaigns(now=after(seconds=900))
    [target] = targets(campaign)
    assert (target.state, target.error_code, target.job_id) == ("pending", "late_offered", None)

    step_campaigns(now=after(seconds=960))
    [target] = targets(campaign)
    assert (target.state, target.tries) == ("offered", 2)
    say(target.device, after(seconds=970), state="downloading")
    step_campaigns(now=after(seconds=970 + 3600))
    [target] = targets(campaign)
    assert (target.state, target.error_code) == ("failed", "late_downloading")
    assert "too long" in target.error


def test_progress_gives_more_time_standing_still_does_not(red, start, targets, make_devices):
    [device] = make_devices(1)
    campaign = start()
    step_campaigns(now=NOW)
    say(device, state="downloading", progress=5)
    say(device, after(seconds=3000), state="downloading", progress=6)
    step_campaigns(now=after(seconds=3700))
    assert targets(campaign)[0].state == "downloading"
    say(device, after(seconds=5000), state="downloading", progress=6)
    step_campaigns(now=after(seconds=6600))
    assert targets(campaign)[0].error_code == "late_downloading"


def test_who_goes_away_loses_no_try(red, start, targets, make_devices):
    [device] = make_devices(1)
    campaign = start(max_tries=1)
    step_campaigns(now=NOW)
    with red.scope():
        device.offline_since = after(seconds=10)
        device.save()
    step_campaigns(now=after(seconds=1000))
    [target] = targets(campaign)
    assert (target.state, target.tries, target.error_code) == ("pending", 0, "")


def test_the_old_version_after_a_boot_is_a_rollback_tried_once_more(
    red, start, targets, make_devices
):
    [device] = make_devices(1)
    campaign = start()
    step_campaigns(now=NOW)
    say(device, after(seconds=5), state="installing")
    say(device, after(seconds=6), topic="reported/heartbeat", fw="1.0.0", uptime=500)
    assert targets(campaign)[0].state == "installing"  # has not booted yet
    say(device, after(seconds=30), topic="reported/status", status="online", fw="1.0.0")
    [target] = targets(campaign)
    assert (target.state, target.rollbacks, target.error_code) == ("pending", 1, "rolled_back")
    assert "rolled_back" in [line["state"] for line in target.history]

    step_campaigns(now=after(seconds=100))
    assert targets(campaign)[0].state == "offered"
    say(device, after(seconds=110), state="installing")
    say(device, after(seconds=150), topic="reported/heartbeat", fw="1.0.0", uptime=5)
    [target] = targets(campaign)
    assert (target.state, target.rollbacks) == ("rolled_back", 2)
    with red.scope():
        assert DeviceEvent.objects.filter(kind="campaign", code="ROLLED_BACK").count() == 2


def test_the_new_version_in_a_heartbeat_is_enough(red, start, targets, make_devices):
    [device] = make_devices(1)
    campaign = start()
    step_campaigns(now=NOW)
    say(device, after(seconds=30), topic="reported/heartbeat", fw_version="v2.0.0")
    assert targets(campaign)[0].state == "done"


def test_power_lost_on_the_way_renews_the_same_try(red, start, targets, make_devices):
    [device] = make_devices(1)
    campaign = start()
    step_campaigns(now=NOW)
    say(device, after(seconds=5), state="downloading", progress=40)
    say(device, after(seconds=60), topic="reported/status", status="online", fw="1.0.0")

    first, second = offers()
    assert (first["job_id"], first["url"] == second["url"]) == (second["job_id"], False)
    [target] = targets(campaign)
    assert (target.state, target.tries, target.progress) == ("downloading", 1, 40)
    say(device, after(seconds=61), state="renew", job_id=first["job_id"])
    assert len(offers()) == 2  # just renewed
    say(device, after(seconds=75), state="renew", job_id=first["job_id"])
    assert len(offers()) == 3


def test_pause_holds_offers_back_and_cancel_ends_it(red, start, targets, make_devices):
    make_devices(3)
    campaign = start(canary="2")
    step_campaigns(now=NOW)
    one, two = [row for row in targets(campaign) if row.state == "offered"]
    say(one.device, state="installing")
    with red.scope():
        pause_campaign(campaign_id=campaign.id, reason="weekend", now=NOW)
        pause_campaign(campaign_id=campaign.id, reason="still", now=NOW)
    step_campaigns(now=after(seconds=1000))
    assert states(targets(campaign)) == {"installing": 1, "pending": 2}
    assert targets(campaign)[0].error_code == targets(campaign)[1].error_code == ""

    with red.scope():
        cancel_campaign(campaign_id=campaign.id, reason="enough", now=after(seconds=1001))
        with pytest.raises(WrongState):
            pause_campaign(campaign_id=campaign.id, reason="again", now=NOW)
    assert states(targets(campaign)) == {"installing": 1, "skipped": 2}
    assert fresh(red, campaign).finished_at is None
    say(one.device, after(seconds=1002), topic="reported/status", status="online", fw="2.0.0")
    step_campaigns(now=after(seconds=1003))
    ended = fresh(red, campaign)
    assert (ended.state, ended.finished_at) == ("cancelled", after(seconds=1003))
    actions = set(AuditEvent.objects.values_list("action", flat=True))
    assert {"campaign.started", "campaign.paused", "campaign.cancelled"} <= actions


def test_a_step_costs_the_same_for_few_and_many(
    red, start, make_devices, django_assert_max_num_queries
):
    make_devices(40)
    start(canary="1", waves=["39"])
    step_campaigns(now=NOW)
    with django_assert_max_num_queries(14):
        step_campaigns(now=after(seconds=1))

"""Campaigns that bring settings, through the door that configurations have."""

import datetime as dt

import pytest

from devices.models import Campaign, CampaignTarget, DeviceConfiguration
from devices.services.campaign_selection import Plan
from devices.services.campaign_steps import step_campaigns
from devices.services.campaigns import preview_campaign, start_campaign
from devices.services.configuration import set_configuration
from devices.services.reported import note_answer
from tests.factories import NOW, GatewayFactory


def after(seconds):
    return NOW + dt.timedelta(seconds=seconds)


@pytest.fixture
def plan(profile):
    profile.parameters = [
        {"name": "interval_s", "type": "integer", "min": 5},
        {"name": "mode", "type": "text"},
    ]
    profile.save()

    def make(**fields):
        given = {"name": "Slower", "kind": "configuration", "profile": profile, "canary": "1",
                 "configuration": {"interval_s": 30}, "pause_seconds": 0, **fields}  # fmt: skip
        return Plan(**given)

    return make


def configure(red, device, body):
    set_configuration(device=device, body=body, reason="x", author=red.owner, now=NOW)


def answer(device, revision, *, is_accepted=True, at=NOW):
    note_answer(
        device=device, revision=revision, is_accepted=is_accepted, error_code="NO_SPACE",
        error="flash full", at=at,
    )  # fmt: skip


def test_the_preview_knows_who_is_set_so_already(red, plan, make_devices):
    same, other, third = make_devices(3)
    with red.scope():
        configure(red, same, {"interval_s": 30})
        configure(red, other, {"interval_s": 10})
        found = preview_campaign(plan=plan(), now=NOW)
        assert set(found.eligible) == {other, third}
        assert found.skipped_by_code == {"same_configuration": 1}
        bad = preview_campaign(plan=plan(configuration={"interval_s": 1}), now=NOW)
        assert bad.skipped_by_code == {"invalid_configuration": 3}


def test_settings_are_put_into_each_devices_own(red, plan, make_devices):
    gateway = GatewayFactory(tenant=red.tenant, last_seen_at=NOW)
    [behind] = make_devices(1, gateway=gateway, last_seen_at=None)  # its gateway speaks for it
    with red.scope():
        configure(red, behind, {"interval_s": 10, "mode": "eco"})
        campaign = start_campaign(plan=plan(), actor=red.owner, now=NOW)
    step_campaigns(now=NOW)

    with red.scope():
        newest = DeviceConfiguration.objects.order_by("-revision").first()
        assert newest.body == {"interval_s": 30, "mode": "eco"}
        assert (newest.reason, newest.author) == ("Campaign Slower", red.owner)
        assert CampaignTarget.objects.get().state == "offered"
        answer(behind, newest.revision)
    step_campaigns(now=after(10))
    with red.scope():
        assert CampaignTarget.objects.get().state == "done"
        assert Campaign.objects.get(id=campaign.id).state == "done"


def test_two_devices_that_refuse_halt_it(red, plan, make_devices):
    make_devices(5)
    with red.scope():
        start_campaign(plan=plan(canary="2"), actor=red.owner, now=NOW)
    step_campaigns(now=NOW)
    with red.scope():
        offered = list(CampaignTarget.objects.filter(state="offered").select_related("device"))
        assert len(offered) == 2
        for target in offered:
            answer(target.device, target.revision, is_accepted=False)
    step_campaigns(now=after(10))
    step_campaigns(now=after(20))
    with red.scope():
        campaign = Campaign.objects.get()
        assert (campaign.state, campaign.reason_code) == ("halted", "canary_failures")
        target = CampaignTarget.objects.filter(state="failed").first()
        assert (target.error_code, target.error) == ("NO_SPACE", "flash full")
        assert DeviceConfiguration.objects.count() == 2


def test_what_somebody_sets_meanwhile_stays(red, plan, make_devices):
    [device] = make_devices(1)
    with red.scope():
        start_campaign(plan=plan(), actor=red.owner, now=NOW)
    step_campaigns(now=NOW)
    with red.scope():
        configure(red, device, {"interval_s": 99})
    step_campaigns(now=after(10))
    with red.scope():
        target = CampaignTarget.objects.get()
        assert (target.state, target.error_code) == ("skipped", "superseded")


def test_silence_is_late_and_tried_again(red, plan, make_devices):
    make_devices(1)
    with red.scope():
        start_campaign(plan=plan(max_tries=2), actor=red.owner, now=NOW)
    step_campaigns(now=NOW)
    step_campaigns(now=after(900))
    step_campaigns(now=after(1000))
    with red.scope():
        target = CampaignTarget.objects.get()
        assert (target.state, target.tries, target.revision) == ("offered", 2, 2)

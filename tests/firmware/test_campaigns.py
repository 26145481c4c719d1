"""Campaigns: who gets it, offers, states, waves."""

import json
import uuid

import pytest

from accounts.models import AuditEvent
from devices.firmware.keys import decode_signature
from devices.firmware.offer import BadOffer, check_offer
from devices.inbound.message import BadMessage
from devices.models import (
    DeviceEvent,
    FirmwareSigner,
    OutboundMessage,
)
from devices.services.campaign_steps import step_campaigns
from devices.services.campaigns import (
    BadPlan,
    NobodyEligible,
    preview_campaign,
    start_campaign,
)
from devices.services.firmware import ReleaseGone, withdraw_release
from tests.factories import NOW, DeviceFactory, DeviceProfileFactory, GatewayFactory, SiteFactory
from tests.firmware.rollout import after, fresh, install, offers, say, states


def test_the_preview_says_who_is_left_out_and_why(red, blue, plan, make_devices, profile):
    with red.scope():
        make_devices(3)
        make_devices(1, last_seen_at=None)
        make_devices(1, firmware_version="2.0.0")
        make_devices(1, firmware_version="v2.0.0+g12")
        make_devices(1, firmware_version="3.0")
        make_devices(1, firmware_version="")
        make_devices(1, lifecycle="decommissioned")
        make_devices(1, gateway=GatewayFactory(tenant=red.tenant))
        DeviceFactory(tenant=red.tenant, gateway=None, profile=DeviceProfileFactory())
    DeviceFactory(tenant=blue.tenant, gateway=None, profile=profile, firmware_version="1.0")

    with red.scope():
        found = preview_campaign(plan=plan(canary="50%"), now=NOW)

    assert len(found.eligible) == 4
    assert (list(found.wave_sizes), found.away) == ([2, 2], 1)
    assert found.skipped_by_code == {
        "same_version": 2, "downgrade": 1, "version_unknown": 1, "decommissioned": 1,
        "not_a_box": 1,
    }  # fmt: skip
    assert found.eligible[-1].last_seen_at is None  # who is away is no canary


def test_older_firmware_and_unknown_versions_only_if_said_so(red, plan, make_devices):
    make_devices(1, firmware_version="3.0")
    make_devices(1, firmware_version="")
    with red.scope():
        assert not preview_campaign(plan=plan(), now=NOW).eligible
        assert len(preview_campaign(plan=plan(allows_downgrade=True), now=NOW).eligible) == 2


def test_min_version_and_hardware(red, plan, release_of, make_devices):
    make_devices(1, firmware_version="1.0.0")
    make_devices(1, firmware_version="1.5.0")
    newer = release_of("4.0", min_version="1.4", hardware=["M3"])
    other = release_of("5.0", hardware=["M4"])
    with red.scope():
        found = preview_campaign(plan=plan(release=newer), now=NOW)
        assert [device.firmware_version for device in found.eligible] == ["1.5.0"]
        assert found.skipped_by_code == {"version_too_old": 1}
        assert preview_campaign(plan=plan(release=other), now=NOW).skipped_by_code == {
            "other_hardware": 2
        }


def test_filters(red, plan, make_devices):
    site = SiteFactory(tenant=red.tenant)
    [here] = make_devices(1, site=site)
    [old] = make_devices(1, firmware_version="0.9")
    [chosen] = make_devices(1)
    with red.scope():
        for fields, device in (
            ({"site_id": site.id}, here),
            ({"version": "0.9"}, old),
            ({"device_ids": [chosen.id]}, chosen),
        ):
            assert preview_campaign(plan=plan(**fields), now=NOW).eligible == [device]


def test_plans_that_mean_nothing(red, plan, make_devices, release):
    make_devices(2)
    with red.scope():
        for fields in ({"canary": "0"}, {"canary": "x"}, {"waves": ["200%"]}, {"canary": "-1"}):
            with pytest.raises(BadPlan):
                preview_campaign(plan=plan(**fields), now=NOW)
        with pytest.raises(BadPlan):
            preview_campaign(plan=plan(profile=DeviceProfileFactory()), now=NOW)
        with pytest.raises(NobodyEligible):
            start_campaign(plan=plan(version="7"), actor=None, now=NOW)
        withdraw_release(release_id=release.id, now=NOW)
        release.refresh_from_db()
        with pytest.raises(ReleaseGone):
            start_campaign(plan=plan(), actor=None, now=NOW)


def test_a_device_is_in_one_campaign_at_a_time(red, start, plan, release_of, make_devices):
    make_devices(2)
    start()
    with red.scope():
        found = preview_campaign(plan=plan(release=release_of("3.0")), now=NOW)
    assert found.skipped_by_code == {"in_other_campaign": 2}


def test_another_tenants_devices_are_no_targets(red, blue, start, profile, make_devices):
    make_devices(1)
    foreign = DeviceFactory(
        tenant=blue.tenant, gateway=None, profile=profile, firmware_version="1.0", last_seen_at=NOW
    )
    with pytest.raises(NobodyEligible):
        start(device_ids=[foreign.id])


def test_offers_are_signed_and_for_one_device(red, start, make_devices, release):
    [device] = make_devices(1)
    start()
    assert step_campaigns(now=NOW) == 1

    [message] = OutboundMessage.objects.all()
    assert message.topic == f"devices/{device.id}/down/firmware"
    assert message.expires_at == after(seconds=600)
    offer = json.loads(bytes(message.payload))
    assert offer["sha256"] == release.sha256
    assert (offer["expires_at"] - offer["ts"]) == 600
    import base64

    key = base64.b64decode(FirmwareSigner.objects.get().public_key)
    check_offer(offer, public_key=key, device_id=device.id, now=NOW)
    assert decode_signature(offer["manifest_signature"])
    for change, other, code in (
        ({"url": "http://evil.example/x"}, device.id, "bad_signature"),
        ({"sha256": "0" * 64}, device.id, "bad_signature"),
        ({}, uuid.uuid4(), "other_device"),
    ):
        with pytest.raises(BadOffer) as refusal:
            check_offer({**offer, **change}, public_key=key, device_id=other, now=NOW)
        assert refusal.value.code == code
    with pytest.raises(BadOffer):
        check_offer(offer, public_key=key, device_id=device.id, now=after(seconds=601))
    assert "private" not in str(FirmwareSigner.objects.values_list())
    assert FirmwareSigner.objects.get().sealed_key.startswith("v1.")


def test_a_gateways_box_is_told_on_its_topic(red, start, profile, make_devices):
    gateway = GatewayFactory(tenant=red.tenant, uid="gw-7", last_seen_at=NOW)
    make_devices(1, gateway=gateway, uid="gw-7", last_seen_at=None)
    start()
    step_campaigns(now=NOW)
    assert OutboundMessage.objects.get().topic == f"tenant/{red.tenant.id}/gw/gw-7/down/firmware"


def test_a_device_goes_through_all_states(red, start, targets, make_devices):
    [device] = make_devices(1)
    campaign = start()
    seen = []
    step_campaigns(now=NOW)
    job = offers()[0]["job_id"]
    for number, content in enumerate(
        (
            {"state": "accepted"},
            {"state": "downloading", "progress": 10},
            {"state": "downloading", "progress": 60},
            {"state": "verifying"},
            {"state": "installing"},
            {"state": "done"},  # without a version it is not believed
            {"state": "done", "version": "2.0.0"},
        ),
        start=1,
    ):
        say(device, after(seconds=number), job_id=job, **content)
        seen.append(targets(campaign)[0].state)

    assert seen == ["offered", "downloading", "downloading", "downloaded", "installing",
                    "installing", "done"]  # fmt: skip
    with red.scope():
        device.refresh_from_db()
        assert device.firmware_version == "2.0.0"
        assert DeviceEvent.objects.filter(device=device, kind="campaign", code="DONE").exists()
    assert [line["state"] for line in targets(campaign)[0].history] == [
        "offered", "downloading", "downloaded", "installing", "done",
    ]  # fmt: skip
    step_campaigns(now=after(seconds=20))
    assert fresh(red, campaign).state == "done"
    assert AuditEvent.objects.filter(action="campaign.finished").exists()


def test_states_never_go_back_and_other_jobs_change_nothing(red, start, targets, make_devices):
    [device] = make_devices(1)
    campaign = start()
    step_campaigns(now=NOW)
    say(device, state="installing")
    say(device, state="downloading", progress=1)
    say(device, state="failed", job_id=str(uuid.uuid4()))
    assert targets(campaign)[0].state == "installing"
    say(device, after(seconds=1), state="done", version="2.0.0")
    say(device, after(seconds=2), state="failed", error="late")
    say(device, after(seconds=2), state="done", version="2.0.0")
    assert targets(campaign)[0].state == "done"


@pytest.mark.parametrize(
    "content",
    [{"state": "dancing"}, {"state": "downloading", "progress": 101}, {"progress": 3},
     {"state": "failed", "job_id": "x"}, {"state": "downloading", "progress": -1}],
)  # fmt: skip
def test_reports_that_mean_nothing_are_refused(content, red, make_devices):
    [device] = make_devices(1)
    with pytest.raises(BadMessage):
        say(device, **content)


def test_waves_follow_each_other_after_the_pause(red, start, targets, make_devices):
    make_devices(6)
    campaign = start(canary="1", waves=["2"], pause_seconds=60)
    assert campaign.wave_sizes == [1, 2, 3]

    step_campaigns(now=NOW)
    assert states(targets(campaign)) == {"offered": 1, "pending": 5}
    install(targets(campaign)[0], after(seconds=5))
    step_campaigns(now=after(seconds=10))
    step_campaigns(now=after(seconds=69))
    assert states(targets(campaign)) == {"done": 1, "pending": 5}
    step_campaigns(now=after(seconds=70))
    assert states(targets(campaign)) == {"done": 1, "offered": 2, "pending": 3}
    for target in targets(campaign)[1:3]:
        install(target, after(seconds=80))
    step_campaigns(now=after(seconds=90))
    step_campaigns(now=after(seconds=150))
    assert states(targets(campaign)) == {"done": 3, "offered": 3}


def test_who_is_away_stays_pending_and_holds_up_nobody(red, start, targets, make_devices):
    make_devices(2)
    [away] = make_devices(1, offline_since=NOW)
    campaign = start(canary="1", waves=["2"])
    for second in (0, 10, 20):
        step_campaigns(now=after(seconds=second))
        for target in targets(campaign):
            if target.state == "offered":
                install(target, after(seconds=second + 1))
    step_campaigns(now=after(days=300))
    assert states(targets(campaign)) == {"done": 2, "pending": 1}
    assert fresh(red, campaign).state == "running"

    with red.scope():
        away.offline_since = None
        away.save()
    step_campaigns(now=after(days=301))
    [target] = [row for row in targets(campaign) if row.device_id == away.id]
    assert target.state == "offered"
    install(target, after(days=301, seconds=1))
    step_campaigns(now=after(days=301, seconds=2))
    assert fresh(red, campaign).state == "done"

"""Swap, transfer, nodes and the end of a device's life."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

import pytest

from accounts.models import AuditEvent
from accounts.tenancy import all_tenants
from devices.lifecycle import MANUFACTURED, TRANSITIONS, may_change, next_states
from devices.models import (
    Claim,
    ClaimState,
    Device,
    DeviceCertificate,
    Dialect,
    Gateway,
    Lifecycle,
    OutboundMessage,
    PendingDevice,
    Zone,
)
from devices.queries_claims import list_nodes
from devices.services.bootstrap import Hello, forget_boxes, hear_hello
from devices.services.claim_delivery import note_ownership, note_ready
from devices.services.claim_ends import expire_claims
from devices.services.claims import BoxTaken
from devices.services.devices import register_device
from devices.services.guesses import CodeRefused
from devices.services.lifecycle import BadTransition, decommission_device, set_maintenance
from devices.services.nodes import (
    NodeUnheard,
    ZoneElsewhere,
    bind_node,
    hear_node,
    note_bound,
    set_listing,
)
from devices.services.swap import SameHardware, swap_device
from devices.services.transfer import (
    AlreadyOffered,
    SameOrganisation,
    TransferRefused,
    accept_transfer,
    expire_transfers,
    offer_transfer,
    withdraw_transfer,
)
from tests.conftest import Team
from tests.factories import NOW, ChannelFactory, DeviceProfileFactory, GatewayFactory, SiteFactory
from tests.provisioning.conftest import Box
from tests.provisioning.test_claims import claim, own, place

WEEK = dt.timedelta(days=7)


def test_the_table_knows_every_state() -> None:
    assert set(TRANSITIONS) == {MANUFACTURED, *Lifecycle.values}
    assert not next_states("decommissioned")
    for before, after in itertools.product(TRANSITIONS, repeat=2):
        assert may_change(before, after) == (before == after or after in next_states(before))


def test_a_bad_step_is_refused(red: Team, box: Box) -> None:
    own(red, box)
    with red.scope():
        device_id = Device.objects.get().id
        decommission_device(device_id=device_id, now=NOW)
        with pytest.raises(BadTransition):
            set_maintenance(device_id=device_id, is_on=True, now=NOW)


def swap(team: Team, device_id: Any, box: Box) -> Claim:
    """Claim a box for a device."""
    with team.scope():
        return swap_device(
            device_id=device_id, hardware_id=box.mac, code=box.code, claimed_by=team.owner,
            guesser=["test:swap"], now=NOW,
        )  # fmt: skip


@pytest.mark.parametrize("is_gateway", [False, True])
def test_a_swap_keeps_id_channels_and_history(red: Team, box: Box, is_gateway: bool) -> None:
    box.say_hello()
    claim(red, box, place(red, is_gateway=is_gateway))
    with all_tenants():
        note_ready(spelling=box.mac, now=NOW)
        device = Device.objects.get()
        note_ownership(device=device, is_accepted=True, now=NOW)
        channels = list(device.channels.values_list("id", flat=True))
        [old] = DeviceCertificate.objects.all()
    new = Box(mac="AABBCCDDEEFF")
    new.say_hello()
    found = swap(red, device.id, new)
    assert swap(red, device.id, new).id == found.id
    with red.scope():
        same = Device.objects.get()
        assert (same.id, same.uid) == (device.id, "246f28aabbcc")
        assert list(same.channels.values_list("id", flat=True)) == channels
        old.refresh_from_db()
        assert old.revoked_at is not None
        fresh = DeviceCertificate.objects.get(revoked_at=None)
        assert fresh.common_name == old.common_name
        note_ready(spelling=new.mac, now=NOW)
        assert note_ownership(device=same, is_accepted=True, now=NOW)
        assert Claim.objects.get(hardware_id=box.hardware_id).state == ClaimState.REPLACED
    assert AuditEvent.objects.filter(action="device.swapped").count() == 1


def test_an_abandoned_swap_leaves_the_device(red: Team, box: Box) -> None:
    own(red, box)
    with red.scope():
        device = Device.objects.get()
    new = Box(mac="AABBCCDDEEFF")
    new.say_hello()
    swap(red, device.id, new)
    expire_claims(now=NOW + dt.timedelta(minutes=30))
    with red.scope():
        assert Device.objects.get().id == device.id


def test_no_swap_with_a_box_in_use_or_a_wrong_code(red: Team, blue: Team, box: Box) -> None:
    own(red, box)
    with red.scope():
        device = Device.objects.get()
    box.renew()
    box.say_hello()
    with pytest.raises(SameHardware):
        swap(red, device.id, box)
    taken = Box(mac="AABBCCDDEEFF")
    own(blue, taken)
    taken.renew()
    taken.say_hello()
    with pytest.raises(BoxTaken):
        swap(red, device.id, taken)
    with pytest.raises(CodeRefused):
        swap(red, device.id, Box(mac="AABBCCDDEEFF"))
    with red.scope():
        assert DeviceCertificate.objects.get().revoked_at is None


def offer(team: Team, device: Device) -> Any:
    """Offer a device."""
    with team.scope():
        return offer_transfer(device_id=device.id, offered_by=team.owner, now=NOW)


def accept(team: Team, code: str, now: dt.datetime = NOW) -> Device:
    """Accept an offer."""
    site = SiteFactory(tenant=team.tenant)
    with team.scope():
        return accept_transfer(code=code, site=site, name="Mine", guesser=["test:t"], now=now)


def test_a_transfer_needs_both_and_leaves_history(red: Team, blue: Team, box: Box) -> None:
    box.say_hello()
    claim(red, box, place(red, is_gateway=True))
    with red.scope():
        gateway_device = Device.objects.get()
        register_device(
            site=gateway_device.site, gateway=gateway_device.gateway, uid="m-1", name="Behind",
            profile=gateway_device.profile,
        )  # fmt: skip
        channel = ChannelFactory(device=gateway_device, name="old")
    made = offer(red, gateway_device)
    with pytest.raises(AlreadyOffered):
        offer(red, gateway_device)
    with pytest.raises(SameOrganisation):
        accept(red, made.code)
    new = accept(blue, made.code)
    with blue.scope():
        assert Gateway.objects.get().uid == "246f28aabbcc"
        assert sorted(Device.objects.values_list("uid", flat=True)) == ["246f28aabbcc", "m-1"]
        assert not new.channels.filter(name="old").exists()
    with red.scope():
        assert set(Device.objects.values_list("lifecycle", flat=True)) == {"decommissioned"}
        assert not DeviceCertificate.objects.filter(revoked_at=None).exists()
        channel.refresh_from_db()
        assert Claim.objects.get().state == ClaimState.REPLACED
    with pytest.raises(TransferRefused):
        accept(blue, made.code)
    giver = AuditEvent.objects.get(tenant_id=red.tenant.id, action="device.transferred")
    assert (giver.actor_kind, giver.actor_label) == ("system", "receiver")
    # the box shows a new code and comes in under the new owner
    box.renew()
    box.say_hello()
    assert claim(blue, box).device_id == new.id


def test_offers_end(red: Team, blue: Team, box: Box) -> None:
    own(red, box)
    with red.scope():
        device = Device.objects.get()
    first = offer(red, device)
    with red.scope():
        withdraw_transfer(transfer_id=first.transfer.id, now=NOW)
    with pytest.raises(TransferRefused):
        accept(blue, first.code)
    second = offer(red, device)
    with pytest.raises(TransferRefused):
        accept(blue, second.code, NOW + WEEK)
    assert expire_transfers(now=NOW + WEEK) == 1
    with red.scope():
        assert Device.objects.get().lifecycle == Lifecycle.ACTIVE


def test_a_decommissioned_box_is_free_for_a_new_life(red: Team, blue: Team, box: Box) -> None:
    own(red, box)
    with red.scope():
        decommission_device(device_id=Device.objects.get().id, now=NOW)
        assert not DeviceCertificate.objects.filter(revoked_at=None).exists()
    box.renew()
    box.say_hello()
    assert claim(blue, box).state == ClaimState.CLAIMED


@pytest.fixture
def greenhouse(red: Team) -> Gateway:
    """A gateway with a zone, which has heard a node."""
    gateway = GatewayFactory(tenant=red.tenant, uid="gh-1")
    with red.scope():
        Zone.objects.create(site=gateway.site, name="Bench", uid="zn-1")
    hear_hello(hello=Hello(hardware_id="esp32-6f28aa", model="ph", gateway_uid="gh-1"), now=NOW)
    return gateway


def bind(team: Team, **changes: Any) -> Claim:
    """Bind the node."""
    with team.scope():
        wanted = {
            "hardware_id": "esp32-6f28aa", "zone": Zone.objects.first(), "name": "pH",
            "profile": DeviceProfileFactory(dialect=Dialect.HYDRO), "claimed_by": team.owner,
            "now": NOW,
        }  # fmt: skip
        return bind_node(**{**wanted, **changes})


def test_a_node_is_bound_by_a_person_and_its_own_report(red: Team, greenhouse: Gateway) -> None:
    found = bind(red)
    assert bind(red).id == found.id
    message = OutboundMessage.objects.order_by("id").first()
    assert message is not None
    assert message.topic == "hydro/gh-1/zn-temp/esp32-6f28aa/config"
    with red.scope():
        device = Device.objects.select_related("gateway", "zone").get(uid="esp32-6f28aa")
        assert hear_node(gateway=greenhouse, hardware_id="esp32-6f28aa", now=NOW)
        assert not note_bound(device=device, zone_uid="zn-temp", now=NOW)
        assert note_bound(device=device, zone_uid="zn-1", now=NOW)
        assert not note_bound(device=device, zone_uid="zn-1", now=NOW)
        found.refresh_from_db()
        assert found.state == ClaimState.OWNED


def test_an_unbound_node_goes_after_thirty_minutes(red: Team, greenhouse: Gateway) -> None:
    bind(red)
    expire_claims(now=NOW + dt.timedelta(minutes=30))
    with red.scope():
        assert not Device.objects.filter(uid="esp32-6f28aa").exists()
        assert Claim.objects.get().state == ClaimState.EXPIRED


def test_nodes_of_others_cannot_be_bound(red: Team, blue: Team, greenhouse: Gateway) -> None:
    with pytest.raises(NodeUnheard):
        bind(blue, zone=None)
    elsewhere = SiteFactory(tenant=red.tenant)
    with red.scope():
        zone = Zone.objects.create(site=elsewhere, name="Far", uid="zn-2")
    with pytest.raises(ZoneElsewhere):
        bind(red, zone=zone)


def test_nodes_are_listed_only_if_wanted(red: Team, blue: Team, greenhouse: Gateway) -> None:
    with red.scope():
        assert list_nodes() == []
        set_listing(is_on=True, now=NOW, tenant_id=red.tenant.id)
        assert [node.hardware_id for node in list_nodes()] == ["esp32-6f28aa"]
    with blue.scope():
        set_listing(is_on=True, now=NOW, tenant_id=blue.tenant.id)
        assert list_nodes() == []


def test_a_node_is_swapped_without_a_code(red: Team, greenhouse: Gateway) -> None:
    bind(red)
    with red.scope():
        device = Device.objects.select_related("gateway", "zone").get(uid="esp32-6f28aa")
        note_bound(device=device, zone_uid="zn-1", now=NOW)
    hear_hello(hello=Hello(hardware_id="esp32-000001", gateway_uid="gh-1"), now=NOW)
    with red.scope():
        swap_device(
            device_id=device.id, hardware_id="esp32-000001", code="", claimed_by=None,
            guesser=["test:n"], now=NOW,
        )  # fmt: skip
        device.refresh_from_db()
        assert device.uid == "esp32-6f28aa" and device.lifecycle == Lifecycle.CLAIMED
        assert note_bound(device=device, zone_uid="zn-1", now=NOW)


def test_silent_boxes_are_forgotten_claimed_ones_not(red: Team, box: Box) -> None:
    own(red, box)
    Box(mac="AABBCCDDEEFF").say_hello()
    assert forget_boxes(now=NOW) == 0
    assert forget_boxes(now=NOW + WEEK) == 1
    assert PendingDevice.objects.get().hardware_id == box.hardware_id

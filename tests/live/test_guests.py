"""Somebody with a share sees the values of exactly what is shared, as long as it is."""

from __future__ import annotations

import asyncio
import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.models import Session
from django.utils import timezone

from accounts.identity import SESSION_TENANT
from accounts.models import Membership
from accounts.rbac.registry import CODES
from devices.models import Device
from devices.services.shares import (
    SHARE_MODELS,
    revoke_share,
    share_with_tenant,
    share_with_user,
)
from telemetry.live import hub as hub_module
from tests.factories import ChannelFactory, DeviceFactory, LatestValueFactory, SiteFactory
from tests.live.sockets import NOW_MS, Socket, connect, cookies_of, send_frame
from tests.live.test_ways_to_sign_in import open_socket, ticket_of, token_of
from tests.pace import assert_within

pytestmark = pytest.mark.usefixtures("redis", "in_one_thread", "own_layer")

CANARY = 987654.25  # a value that only the devices have that are not shared
WEEK = dt.timedelta(days=7)


@dataclass(frozen=True)
class Plant:
    """A site with two meters, and one of the same tenant elsewhere."""

    team: Any
    first: Device
    second: Device
    far: Device

    def share(self, target: Any, person: Any, *codes: str) -> uuid.UUID:
        """Share with a person."""
        now = timezone.now()
        with self.team.scope():
            return share_with_user(
                target=target, email=person.email, codes=codes or ("read:telemetry",),
                valid_from=now, expires_at=now + WEEK, shared_by=self.team.owner,
                editor_codes=CODES, now=now,
            )  # fmt: skip

    def revoke(self, share_id: uuid.UUID) -> None:
        """End a share."""
        with self.team.scope():
            revoke_share(share_id=share_id, now=timezone.now())

    async def measure(self, number: int) -> None:
        """Send a new value of every meter; those of the first are telling."""
        shared = [str(self.first.id), "power", NOW_MS + number, float(number), "good"]
        others = [
            [str(device.id), "power", NOW_MS + number, CANARY, "good"]
            for device in (self.second, self.far)
        ]
        await send_frame(self.team.tenant, *others, shared, number=number)


@pytest.fixture
def plant(red) -> Plant:
    site, other = SiteFactory(tenant=red.tenant), SiteFactory(tenant=red.tenant, name="Elsewhere")
    devices = [DeviceFactory(site=place, gateway=None) for place in (site, site, other)]
    for device, value in zip(devices, (1.25, CANARY, CANARY), strict=True):
        LatestValueFactory(channel=ChannelFactory(device=device, name="power"), value=value)
    return Plant(red, *devices)


@pytest.fixture
def often(monkeypatch) -> None:
    """Look after sockets sooner than every four seconds."""
    monkeypatch.setattr(hub_module, "CHECK_SECONDS", 0.3)


async def everything(socket: Socket, seconds: float = 0.6) -> str:
    """Return all that arrives."""
    heard = []
    while not await socket.receive_nothing(seconds):
        heard.append(await socket.receive_from())
    return "\n".join(heard)


async def refusal(socket: Socket, **target: Any) -> str:
    """Return the code with which a subscription is refused."""
    await socket.say("sub", id="x", **target)
    return (await socket.hear("err", "ok")).get("code", "none")


class TestWhatArrives:
    @pytest.mark.parametrize("target", ["device", "devices", "tenant", "tenant by id"])
    async def test_only_the_shared_device(self, plant, stranger, target):
        plant.share(plant.first, stranger)
        asked = {
            "device": {"devices": [str(plant.first.id)]},
            "devices": {"devices": [str(plant.first.id)], "metrics": ["power"]},
            "tenant": {"tenant": True},
            "tenant by id": {"tenant": str(plant.team.tenant.id)},
        }[target]
        async with connect(stranger) as socket:
            snapshot = await socket.subscribe(**asked)
            await plant.measure(1)
            data = await socket.hear("data")
            await plant.measure(2)
            rest = await everything(socket)

        assert [(p[0], p[3]) for p in snapshot["points"]] == [(str(plant.first.id), 1.25)]
        assert [p[0] for p in data["points"]] == [str(plant.first.id)]
        for secret in (str(CANARY), str(plant.second.id), str(plant.far.id)):
            assert secret not in f"{snapshot} {data} {rest}"

    async def test_a_site_with_all_its_devices(self, plant, stranger):
        plant.share(plant.first.site, stranger)
        async with connect(stranger) as socket:
            snapshot = await socket.subscribe(sites=[str(plant.first.site_id)])
            await plant.measure(1)
            data = await socket.hear("data")

        both = {str(plant.first.id), str(plant.second.id)}
        assert {point[0] for point in snapshot["points"]} == both
        assert {point[0] for point in data["points"]} == both

    async def test_a_member_beside_it_sees_all(self, plant, stranger):
        plant.share(plant.first, stranger)
        async with connect(stranger) as guest, connect(plant.team.viewer) as member:
            await guest.subscribe(tenant=True)
            await member.subscribe(tenant=True)
            await plant.measure(1)
            shown, seen = await member.hear("data"), await guest.hear("data")

        assert (len(shown["points"]), len(seen["points"])) == (3, 1)

    async def test_lost_frames_bring_a_snapshot_of_the_shared(self, plant, stranger):
        plant.share(plant.first, stranger)
        async with connect(stranger) as socket, connect(plant.team.viewer) as member:
            await socket.subscribe(tenant=True)
            await member.subscribe(tenant=True)
            await plant.measure(1)
            await plant.measure(9)  # those between were lost
            heard = await everything(socket, seconds=1.5)

        assert heard.count('"snapshot"') == 1
        assert str(CANARY) not in heard

    async def test_an_organisation_with_a_share(self, plant, blue):
        now = timezone.now()
        with plant.team.scope():
            share_with_tenant(
                target=plant.first, slug=blue.tenant.slug, codes=["read:telemetry"],
                valid_from=now, expires_at=now + WEEK, shared_by=None, editor_codes=CODES, now=now,
            )  # fmt: skip
        cookie = cookies_of(blue.viewer)
        async with connect(AnonymousUser(), cookie=cookie) as socket:  # acts for blue
            assert await refusal(socket, devices=[str(plant.first.id)]) == "unknown_device"
        found = Session.objects.get()
        session = found.get_session_store_class()(found.session_key)
        session[SESSION_TENANT] = str(plant.team.tenant.id)
        session.save()
        async with connect(AnonymousUser(), cookie=cookie) as socket:  # acts as red's guest
            assert len((await socket.subscribe(tenant=True))["points"]) == 1


class TestRefusals:
    async def test_what_is_not_shared_is_unknown(self, plant, stranger, foreign):
        plant.share(plant.first, stranger)
        async with connect(stranger) as socket:
            for device in (plant.second.id, plant.far.id, foreign.id, uuid.uuid4()):
                asked = [str(plant.first.id), str(device)]
                assert await refusal(socket, devices=asked) == "unknown_device"
            for site in (plant.first.site_id, plant.far.site_id, foreign.site_id):
                assert await refusal(socket, sites=[str(site)]) == "unknown_site"
            assert await refusal(socket, tenant=str(foreign.tenant_id)) == "unknown_tenant"

    async def test_a_share_without_values(self, plant, stranger):
        plant.share(plant.first, stranger, "read:device")
        async with connect(stranger) as socket:
            assert await socket.closed() == 4403

    async def test_beside_it_one_with_values(self, plant, stranger):
        plant.share(plant.first, stranger)
        plant.share(plant.second, stranger, "read:device")
        async with connect(stranger) as socket:
            asked = [str(plant.second.id)]
            assert await refusal(socket, devices=asked) == "unknown_device"

    async def test_a_required_second_factor(self, plant, stranger):
        plant.share(plant.first, stranger)
        type(plant.team.tenant).objects.update(requires_mfa=True)
        async with connect(stranger) as socket:
            assert await socket.closed() == 4403

    async def test_nothing_shared(self, plant, stranger):
        async with connect(stranger) as socket:
            assert await socket.closed() == 4403


class TestEnd:
    @pytest.mark.parametrize("how", ["revoked", "expired", "tenant"])
    async def test_within_five_seconds(self, plant, stranger, how):
        share_id = plant.share(plant.first, stranger)
        async with connect(stranger) as socket:
            await socket.subscribe(tenant=True)
            started = asyncio.get_running_loop().time()
            self._end(plant, share_id, how)

            assert await socket.closed() == 4401
            assert_within(asyncio.get_running_loop().time() - started, 5.0)

    @staticmethod
    def _end(plant: Plant, share_id: uuid.UUID, how: str) -> None:
        past = timezone.now() - dt.timedelta(seconds=1)
        if how == "revoked":
            plant.revoke(share_id)
        elif how == "expired":
            with plant.team.scope():
                for model in SHARE_MODELS.values():
                    model.objects.update(valid_from=past - WEEK, expires_at=past)
        else:
            type(plant.team.tenant).objects.update(is_active=False)

    @pytest.mark.usefixtures("often")
    async def test_one_of_two_narrows_what_is_watched(self, plant, stranger):
        plant.share(plant.first, stranger)
        share_id = plant.share(plant.far, stranger)
        async with connect(stranger) as socket:
            assert len((await socket.subscribe(tenant=True))["points"]) == 2
            plant.revoke(share_id)
            assert [p[0] for p in (await socket.hear("snapshot"))["points"]] == [
                str(plant.first.id)
            ]
            await plant.measure(1)
            heard = await everything(socket)

        assert str(plant.first.id) in heard
        assert str(plant.far.id) not in heard

    @pytest.mark.usefixtures("often")
    async def test_a_named_device_ends_its_subscription(self, plant, stranger):
        plant.share(plant.first, stranger)
        share_id = plant.share(plant.far, stranger)
        async with connect(stranger) as socket:
            await socket.subscribe(devices=[str(plant.far.id)])
            plant.revoke(share_id)
            ended = await socket.hear("err")
            await plant.measure(1)

            assert ended == {"type": "err", "id": "a", "code": "unknown_device"}
            assert await socket.receive_nothing(0.5)

    @pytest.mark.usefixtures("often")
    async def test_each_tab_loses_its_own(self, plant, stranger):
        plant.share(plant.first, stranger)
        share_id = plant.share(plant.far, stranger)
        cookie = cookies_of(stranger)  # both are of one session
        async with (
            connect(AnonymousUser(), cookie=cookie) as lost,
            connect(AnonymousUser(), cookie=cookie) as kept,
        ):
            await lost.subscribe(devices=[str(plant.far.id)])
            await kept.subscribe(devices=[str(plant.first.id)])
            plant.revoke(share_id)
            await lost.hear("err")
            await plant.measure(1)

            assert await kept.hear("data")

    @pytest.mark.usefixtures("often")
    async def test_a_device_that_moved_to_another_site(self, plant, stranger):
        plant.share(plant.first.site, stranger)
        async with connect(stranger) as socket:
            await socket.subscribe(tenant=True)
            with plant.team.scope():
                Device.objects.filter(id=plant.first.id).update(site=plant.far.site)

            shown = (await socket.hear("snapshot"))["points"]
            assert [point[0] for point in shown] == [str(plant.second.id)]

    @pytest.mark.usefixtures("often")
    async def test_a_member_who_became_a_guest(self, plant):
        """The open socket shows the whole tenant, so it must end."""
        viewer = plant.team.viewer
        plant.share(plant.first, viewer)
        async with connect(viewer) as socket:
            await socket.subscribe(tenant=True)
            Membership.objects.filter(user=viewer).delete()

            assert await socket.closed() == 4401

    @pytest.mark.usefixtures("often")
    async def test_a_share_that_lasts_keeps_the_socket(self, plant, stranger):
        plant.share(plant.first, stranger)
        async with connect(stranger) as socket:
            await socket.subscribe(tenant=True)
            await asyncio.sleep(1)
            await plant.measure(1)

            assert await socket.hear("data")


async def test_apps_of_guests_sign_in_too(plant, stranger):
    plant.share(plant.first, stranger)
    token = await token_of(stranger)
    for socket in (
        await open_socket(subprotocols=["ems.v1", f"bearer.{token}"]),
        await open_socket(f"/ws/v1/live?token={await ticket_of(stranger)}"),
    ):
        snapshot = await socket.subscribe(tenant=True)
        assert [point[0] for point in snapshot["points"]] == [str(plant.first.id)]
        await socket.disconnect()

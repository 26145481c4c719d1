"""The scope follows asynchronous code, and is absent in new threads."""

from __future__ import annotations

import asyncio
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from asgiref.sync import sync_to_async
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from channels.testing import WebsocketCommunicator

from accounts.tenancy import TenantScopeMissing, current_tenant_id, tenant_scope
from devices.models import Device, Site
from tests.accounts.conftest import Fleet

database = pytest.mark.django_db(transaction=True)


class DeviceListConsumer(AsyncJsonWebsocketConsumer):
    """Answers each message with the devices of the tenant in the connection's scope."""

    async def websocket_receive(self, message: dict[str, str]) -> None:
        """Enter the tenant's scope for one message, as the live consumer does."""
        with tenant_scope(self.scope["tenant_id"]):
            await super().websocket_receive(message)

    async def receive_json(self, content: object, **kwargs: object) -> None:
        """Send the identifiers, read by the async ORM and in a thread."""
        by_await = [device.uid async for device in Device.objects.order_by("uid")]
        by_thread = await database_sync_to_async(self.read_in_thread)()
        await self.send_json({"by_await": by_await, "by_thread": by_thread})

    def read_in_thread(self) -> list[str]:
        """Return the identifiers; runs in a thread of Channels."""
        return list(Device.objects.values_list("uid", flat=True))


@database
async def test_async_queries_are_limited(red_fleet: Fleet, blue_fleet: Fleet):
    foreign = Device.objects.filter(uid="blue-1")
    with red_fleet.team.scope():
        assert [device.uid async for device in Device.objects.all()] == ["red-1"]
        assert [device.uid async for device in Device.objects.aiterator()] == ["red-1"]
        assert (await Device.objects.aget(uid="red-1")).pk == red_fleet.device.pk
        assert (await Device.objects.afirst()).uid == "red-1"
        assert await Device.objects.acount() == 1
        assert not await foreign.aexists()
        assert await foreign.aupdate(uid="hijacked") == 0
        assert (await foreign.adelete())[0] == 0
        with pytest.raises(Device.DoesNotExist):
            await Device.objects.aget(pk=blue_fleet.device.pk)


@database
async def test_async_writes_get_the_tenant(red_fleet: Fleet):
    with red_fleet.team.scope():
        created = await Site.objects.acreate(name="new")
        (many,) = await Site.objects.abulk_create([Site(name="many")])
        saved = Site(name="saved")
        await saved.asave()
        await saved.adelete()

    assert created.tenant_id == many.tenant_id == saved.tenant_id == red_fleet.team.tenant.id


@database
async def test_async_queries_raise_without_a_scope(red_fleet: Fleet):
    with pytest.raises(TenantScopeMissing):
        await Device.objects.aget(uid="red-1")
    with pytest.raises(TenantScopeMissing):
        await Device.objects.acount()
    with pytest.raises(TenantScopeMissing):
        [device async for device in Device.objects.all()]
    with pytest.raises(TenantScopeMissing):
        await Site.objects.acreate(name="new")


@database
async def test_tasks_of_two_tenants_do_not_mix(red_fleet: Fleet, blue_fleet: Fleet):
    async def list_uids(fleet: Fleet) -> list[str]:
        with fleet.team.scope():
            await asyncio.sleep(0)
            return [device.uid async for device in Device.objects.all()]

    answers = await asyncio.gather(*[list_uids(red_fleet), list_uids(blue_fleet)] * 5)

    assert answers == [["red-1"], ["blue-1"]] * 5


@database
async def test_a_websocket_consumer_sees_its_own_tenant(red_fleet: Fleet, blue_fleet: Fleet):
    for fleet in (red_fleet, blue_fleet):
        socket = WebsocketCommunicator(DeviceListConsumer.as_asgi(), "/")
        socket.scope["tenant_id"] = fleet.team.tenant.id
        assert (await socket.connect())[0]

        await socket.send_json_to({})

        uids = [fleet.device.uid]
        assert await socket.receive_json_from() == {"by_await": uids, "by_thread": uids}
        await socket.disconnect()


async def test_the_scope_follows_into_sync_to_async():
    tenant_id = uuid.uuid4()

    with tenant_scope(tenant_id):
        assert await sync_to_async(current_tenant_id)() == tenant_id
        assert await asyncio.to_thread(current_tenant_id) == tenant_id
        assert await asyncio.create_task(_read_scope()) == tenant_id


@pytest.mark.django_db
def test_a_thread_pool_has_no_scope(red_fleet: Fleet):
    def list_devices() -> list[Device]:
        return list(Device.objects.all())

    with red_fleet.team.scope(), ThreadPoolExecutor(1) as executor:
        future = executor.submit(list_devices)
        with pytest.raises(TenantScopeMissing):
            future.result()


async def _read_scope() -> uuid.UUID | None:
    return current_tenant_id()

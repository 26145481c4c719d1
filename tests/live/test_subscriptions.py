"""What subscriptions show, and to whom."""

from __future__ import annotations

import uuid

import pytest
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.models import Session
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.identity import SESSION_TENANT
from tests.factories import (
    ChannelFactory,
    DeviceFactory,
    LatestValueFactory,
    MembershipFactory,
    SiteFactory,
)
from tests.live.sockets import NOW_MS, connect, cookies_of, send_frame

pytestmark = pytest.mark.usefixtures("redis", "in_one_thread", "own_layer")


class TestSubscriptions:
    async def test_a_snapshot_comes_first_and_then_data(self, red, meter):
        async with connect(red.viewer) as socket:
            snapshot = await socket.subscribe(devices=[str(meter.id)])
            await send_frame(red.tenant, [str(meter.id), "power", NOW_MS + 1000, 2.5, "good"])
            data = await socket.hear("data")

        value = [str(meter.id), "power", NOW_MS, 1.25, "good", "kW"]
        assert snapshot == {"type": "snapshot", "id": "a", "seq": 1, "points": [value]}
        assert data["points"] == [[str(meter.id), "power", NOW_MS + 1000, 2.5, "good"]]
        assert data["seq"] == 2

    @pytest.mark.parametrize("target", ["devices", "sites", "tenant", "tenant by id"])
    async def test_targets(self, red, meter, foreign, target):
        targets = {
            "devices": {"devices": [str(meter.id)]},
            "sites": {"sites": [str(meter.site_id)]},
            "tenant": {"tenant": True},
            "tenant by id": {"tenant": str(red.tenant.id)},
        }
        async with connect(red.viewer) as socket:
            snapshot = await socket.subscribe(**targets[target])
            await send_frame(red.tenant, [str(meter.id), "power", NOW_MS + 1, 2.5, "good"])
            data = await socket.hear("data")

        assert [point[0] for point in snapshot["points"]] == [str(meter.id)]
        assert len(data["points"]) == 1

    async def test_metrics_narrow_snapshot_and_data(self, red, meter):
        voltage = ChannelFactory(device=meter, name="voltage", unit="V")
        LatestValueFactory(channel=voltage)
        async with connect(red.viewer) as socket:
            snapshot = await socket.subscribe(tenant=True, metrics=["voltage"])
            points = [
                [str(meter.id), name, NOW_MS + 1, 3.0, "good"] for name in ("power", "voltage")
            ]
            await send_frame(red.tenant, *points)
            data = await socket.hear("data")

        assert [point[1] for point in snapshot["points"]] == ["voltage"]
        assert [point[1] for point in data["points"]] == ["voltage"]

    @pytest.mark.parametrize("kind", ["foreign", "unknown"])
    @pytest.mark.parametrize("with_own", [False, True])
    async def test_foreign_and_unknown_devices_get_the_same_answer(
        self, red, meter, foreign, kind, with_own
    ):
        device = foreign.id if kind == "foreign" else uuid.uuid4()
        devices = [str(device)] + [str(meter.id)] * with_own
        async with connect(red.viewer) as socket:
            await socket.hear("welcome")
            await socket.say("sub", id="a", devices=devices)

            assert await socket.receive_json_from(5) == {
                "type": "err",
                "id": "a",
                "code": "unknown_device",
            }
            assert await socket.receive_nothing(0.5)

    async def test_foreign_sites_and_tenants_are_unknown(self, red, foreign, blue):
        async with connect(red.viewer) as socket:
            await socket.say("sub", id="a", sites=[str(foreign.site_id)])
            assert (await socket.hear("err"))["code"] == "unknown_site"
            await socket.say("sub", id="a", tenant=str(blue.tenant.id))
            assert (await socket.hear("err"))["code"] == "unknown_tenant"

    async def test_a_stranger_sees_no_frame(self, red, blue, meter, foreign):
        async with connect(red.viewer) as mine, connect(blue.viewer) as theirs:
            await mine.subscribe(tenant=True)
            await theirs.subscribe(tenant=True)
            await send_frame(red.tenant, [str(meter.id), "power", NOW_MS + 1, 42.5, "good"])
            await mine.hear("data")

            assert await theirs.receive_nothing(0.5)

    async def test_the_acting_tenant_of_the_session_is_watched(self, red, blue, meter, foreign):
        MembershipFactory(user=red.viewer, tenant=blue.tenant)
        cookie = cookies_of(red.viewer)
        session = Session.objects.first()
        store = session.get_session_store_class()(session.session_key)
        store.__setitem__(SESSION_TENANT, str(blue.tenant.id))
        store.save()
        async with connect(AnonymousUser(), cookie=cookie) as socket:
            snapshot = await socket.subscribe(tenant=True)

        assert [point[0] for point in snapshot["points"]] == [str(foreign.id)]

    async def test_unsub_ends_it(self, red, meter):
        async with connect(red.viewer) as socket:
            await socket.subscribe(tenant=True)
            await socket.say("unsub", id="a")
            assert await socket.hear("ok") == {"type": "ok", "id": "a"}
            await send_frame(red.tenant, [str(meter.id), "power", NOW_MS + 1, 2.5, "good"])
            assert await socket.receive_nothing(0.5)

            await socket.say("unsub", id="a")
            assert (await socket.hear("err"))["code"] == "unknown_subscription"

    async def test_the_same_id_replaces_a_subscription(self, red, meter):
        other = DeviceFactory(tenant=red.tenant)
        async with connect(red.viewer) as socket:
            await socket.subscribe(devices=[str(meter.id)])
            await socket.subscribe(devices=[str(other.id)])
            await send_frame(red.tenant, [str(meter.id), "power", NOW_MS + 1, 2.5, "good"])
            assert await socket.receive_nothing(0.5)

    async def test_types_without_measurement_bring_no_values(self, red, meter):
        async with connect(red.viewer) as socket:
            snapshot = await socket.subscribe(tenant=True, types=["device_status"])
            assert snapshot["points"] == []
            await socket.say("sub", id="b", tenant=True, types=["nonsense"])
            assert (await socket.hear("err"))["code"] == "unknown_type"

    @pytest.mark.parametrize("target", [{}, {"devices": []}, {"tenant": True, "sites": ["x"]}])
    async def test_a_target_must_be_named(self, red, target):
        async with connect(red.viewer) as socket:
            await socket.say("sub", id="a", **target)
            assert (await socket.hear("err"))["code"] in {"bad_target", "bad_message"}

    async def test_values_coalesce_to_the_rate(self, red, meter):
        async with connect(red.viewer) as socket:
            await socket.subscribe(tenant=True, rate_ms=1000)
            for n in range(1, 11):
                point = [str(meter.id), "power", NOW_MS + n, float(n), "good"]
                await send_frame(red.tenant, point, number=n)
            first, second = await socket.hear("data"), await socket.hear("data")

        assert first["points"][0][3] == 1.0
        assert second["points"] == [[str(meter.id), "power", NOW_MS + 10, 10.0, "good"]]


async def test_questions_do_not_grow_with_the_devices(in_one_thread):
    queries = []
    for devices in (1, 20):
        site = SiteFactory()
        user = MembershipFactory(tenant=site.tenant).user
        for _ in range(devices):
            DeviceFactory(site=site)
        with CaptureQueriesContext(connection) as captured:
            async with connect(user) as socket:
                await socket.subscribe(tenant=True)
        queries.append(sum("INSERT" not in query["sql"] for query in captured))

    assert in_one_thread == ["sign_in", "find_devices", "read_latest"] * 2
    assert queries[0] == queries[1]

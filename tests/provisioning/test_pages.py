"""The wizard as a browser without scripts uses it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import User
from devices.models import Claim, ClaimState, Device, DeviceTransfer, Lifecycle
from devices.services.bootstrap import Hello, hear_hello
from tests.conftest import Team
from tests.factories import (
    ChannelFactory,
    DeviceFactory,
    DeviceProfileFactory,
    GatewayFactory,
    LatestValueFactory,
    SiteFactory,
)
from tests.provisioning.conftest import Box

MakeClient = Callable[[User], Client]


@pytest.fixture
def browser(red: Team, client_for: MakeClient) -> Client:
    """The owner's browser."""
    SiteFactory(tenant=red.tenant, name="Plant")
    DeviceProfileFactory(key="meter-x", name="Meter X")
    return client_for(red.owner)


def place_body(team: Team, box: Box) -> dict[str, Any]:
    """Return what the second step sends."""
    with team.scope():
        site = Device._meta.get_field("site").related_model.objects.get()
    return {
        "hardware_id": box.hardware_id, "code": box.code, "name": "Main meter",
        "site": str(site.id), "zone": "", "profile": "meter-x",
    }  # fmt: skip


def claim(browser: Client, team: Team, box: Box) -> Any:
    """Go through both steps; return the answer."""
    return browser.post("/provisioning/claim/place", place_body(team, box), follow=True)


def heard_now(box: Box) -> None:
    """Let a box say hello at the time of the server."""
    from django.utils import timezone

    box.say_hello(timezone.now())


@pytest.mark.parametrize("way", ["typed", "link"])
def test_from_code_to_progress(red: Team, browser: Client, box: Box, way: str) -> None:
    heard_now(box)
    if way == "link":
        typed = {"hardware_id": f"https://x.example/claim#{box.mac}.{box.code}", "code": ""}
    else:
        typed = {"hardware_id": box.mac, "code": box.code}
    found = browser.post("/provisioning/claim", typed)
    page = found.content.decode()
    assert found.status_code == 200 and "SN-1" in page and "meter-x" in page
    assert re.search(r'value="meter-x" selected', page)
    assert "no-store" in found["Cache-Control"]
    shown = claim(browser, red, box)
    assert shown.status_code == 200 and "Main meter" in shown.content.decode()
    with red.scope():
        made = Claim.objects.get()
    steps = browser.get(f"/provisioning/claims/{made.id}/steps").json()
    assert [step["state"] for step in steps["steps"]][:3] == ["done", "done", "waiting"]
    assert not steps["is_over"]


def test_the_list_ends_with_the_first_reading(red: Team, browser: Client, box: Box) -> None:
    from django.utils import timezone

    heard_now(box)
    claim(browser, red, box)
    now = timezone.now()
    with red.scope():
        made = Claim.objects.get()
        device = Device.objects.get()
        made.state, made.delivered_at, made.owned_at = ClaimState.OWNED, now, now
        made.save()
        Device.objects.update(last_seen_at=now)
    channel = ChannelFactory(device=device, name="active_power_import", unit="kW")
    LatestValueFactory(channel=channel, value=1.5, time=now, received_at=now)
    steps = browser.get(f"/provisioning/claims/{made.id}/steps").json()
    assert steps["is_over"], steps
    assert steps["steps"][-1]["text"] == "Active power, import 1.500 kW"


def test_a_wrong_clock_and_unknown_values_are_said(red: Team, browser: Client, box: Box) -> None:
    import datetime as dt

    from django.utils import timezone

    heard_now(box)
    claim(browser, red, box)
    now = timezone.now()
    with red.scope():
        device, made = Device.objects.get(), Claim.objects.get()
    channel = ChannelFactory(device=device, name="odd", is_discovered=True)
    LatestValueFactory(channel=channel, time=now - dt.timedelta(hours=3), received_at=now)
    steps = {
        step["key"]: step
        for step in browser.get(f"/provisioning/claims/{made.id}/steps").json()["steps"]
    }
    assert steps["clock"]["state"] == "wrong" and "-10800" in steps["clock"]["text"]
    assert steps["units"]["state"] == "wrong" and "odd" in steps["units"]["text"]


def test_a_wrong_code_is_said_in_the_form(browser: Client, box: Box) -> None:
    heard_now(box)
    typed = {"hardware_id": box.mac, "code": "ABCDEFGHJKLMNPQRSTUVWXYZ23"}
    page = browser.post("/provisioning/claim", typed)
    assert page.status_code == 400 and "code is wrong" in page.content.decode()


def test_only_the_code_page_may_use_the_camera(browser: Client) -> None:
    assert "camera=(self)" in browser.get("/provisioning/claim")["Permissions-Policy"]
    assert "camera=()" in browser.get("/provisioning/")["Permissions-Policy"]


def test_the_landing_page_asks_nobody_who_they_are(db: None) -> None:
    page = Client().get("/claim")
    assert page.status_code == 200 and "/provisioning/claim" in page.content.decode()


def test_only_who_may_provision_sees_it(
    red: Team, blue: Team, browser: Client, box: Box, client_for: MakeClient
) -> None:
    heard_now(box)
    claim(browser, red, box)
    with red.scope():
        path = f"/provisioning/claims/{Claim.objects.get().id}"
    assert client_for(red.operator).get(path).status_code == 403
    assert client_for(blue.owner).get(path).status_code == 404
    assert client_for(blue.owner).post(f"{path}/cancel").status_code == 404
    assert Client().get(path).status_code == 302


def test_cancel(red: Team, browser: Client, box: Box) -> None:
    heard_now(box)
    claim(browser, red, box)
    with red.scope():
        made = Claim.objects.get()
    browser.post(f"/provisioning/claims/{made.id}/cancel")
    with red.scope():
        made.refresh_from_db()
        assert made.state == ClaimState.CANCELLED and not Device.objects.exists()


def test_register_token_and_label(red: Team, browser: Client, authority: None) -> None:
    with red.scope():
        site = Device._meta.get_field("site").related_model.objects.get()
    body = {"hardware_id": "AA:BB:CC:DD:EE:FF", "name": "New", "site": str(site.id),
            "zone": "", "profile": "meter-x"}  # fmt: skip
    assert browser.post("/provisioning/devices/new", body).status_code == 302
    again = browser.post("/provisioning/devices/new", body | {"hardware_id": "a/b"})
    assert again.status_code == 400
    with red.scope():
        device = Device.objects.get(uid="aabbccddeeff")
    assert "New" in browser.get("/provisioning/").content.decode()
    shown = browser.post(f"/provisioning/devices/{device.id}/token").content.decode()
    assert "<svg" in shown and "style=" not in shown
    assert "<svg" in browser.get(f"/provisioning/devices/{device.id}/label").content.decode()


def test_bind_a_node(red: Team, browser: Client) -> None:
    from django.utils import timezone

    with red.scope():
        site = Device._meta.get_field("site").related_model.objects.get()
    GatewayFactory(site=site, uid="gh-1")
    hear_hello(hello=Hello(hardware_id="esp-1", gateway_uid="gh-1"), now=timezone.now())
    assert "esp-1" not in browser.get("/provisioning/").content.decode()
    browser.post("/provisioning/policy", {"lists_nodes": "on"})
    assert "esp-1" in browser.get("/provisioning/").content.decode()
    body = {"hardware_id": "esp-1", "name": "pH", "zone": "", "profile": "meter-x"}
    assert browser.post("/provisioning/node", body).status_code == 302
    with red.scope():
        assert Device.objects.get(uid="esp-1").lifecycle == Lifecycle.CLAIMED


def test_offer_withdraw_and_accept(
    red: Team, blue: Team, browser: Client, authority: None, client_for: MakeClient
) -> None:
    with red.scope():
        site = Device._meta.get_field("site").related_model.objects.get()
    device = DeviceFactory(site=site, gateway=None)
    shown = browser.post(f"/provisioning/devices/{device.id}/transfer").content.decode()
    found = re.search(r'id="secret" readonly value="([^"]+)"', shown)
    assert found is not None
    other = SiteFactory(tenant=blue.tenant)
    body = {"code": found[1], "name": "Ours now", "site": str(other.id)}
    assert client_for(blue.owner).post("/provisioning/transfers/accept", body).status_code == 302
    with blue.scope():
        assert Device.objects.get().name == "Ours now"
    with red.scope():
        device.refresh_from_db()
        assert device.lifecycle == Lifecycle.DECOMMISSIONED
        assert DeviceTransfer.objects.get().state == "accepted"


def test_swap_form_and_decommission(red: Team, browser: Client, box: Box) -> None:
    with red.scope():
        site = Device._meta.get_field("site").related_model.objects.get()
    device = DeviceFactory(site=site, gateway=None, lifecycle="active")
    heard_now(box)
    typed = {"hardware_id": box.mac, "code": box.code}
    answer = browser.post(f"/provisioning/devices/{device.id}/swap", typed)
    assert answer.status_code == 302 and "/provisioning/claims/" in answer["Location"]
    browser.post(f"/provisioning/devices/{device.id}/decommission")
    with red.scope():
        device.refresh_from_db()
        assert device.lifecycle == Lifecycle.DECOMMISSIONED


def test_import_with_a_try_first(red: Team, browser: Client) -> None:
    def send(do: str, table: str) -> str:
        upload = SimpleUploadedFile("fleet.csv", table.encode(), content_type="text/csv")
        return browser.post("/provisioning/fleet", {"table": upload, "do": do}).content.decode()

    table = "hardware_id,profile,site,name\r\na-1,meter-x,Plant,<b>Bold</b>\r\n"
    tried = send("try", table)
    assert "This would happen" in tried and "&lt;b&gt;" in tried
    assert "Nothing was done" in send("import", table + "b-1,none,Plant,B\r\n")
    assert "Imported" in send("import", table)
    out = browser.get("/provisioning/fleet.csv").content.decode()
    assert "a-1" in out and "Unchanged" in send("try", out)

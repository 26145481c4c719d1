"""Virtual channels in the API and on the page of a device."""

import pytest
from django.urls import reverse

from telemetry.models import VirtualChannel
from tests.conftest import Team
from tests.factories import ChannelFactory, DeviceFactory

URL = "/api/v1/virtual-channels"
JSON = "application/json"


@pytest.fixture
def device(red: Team):
    device = DeviceFactory(tenant=red.tenant, name="Main meter")
    for name in ("a", "b"):
        ChannelFactory(device=device, name=name, source=name, unit="kW", source_unit="kW")
    return device


def body(device, **changed):
    inputs = [{"name": name, "device": str(device.id), "metric": name} for name in ("a", "b")]
    return {
        "device": str(device.id), "metric": "total", "unit": "kW", "formula": "a + b",
        "inputs": inputs, **changed,
    }  # fmt: skip


def way(device, **changed):
    return {k: v for k, v in body(device, **changed).items() if k in {"formula", "inputs"}}


def test_made_read_changed_removed(red, device, client_for):
    browser = client_for(red.owner)
    made = browser.post(URL, body(device), JSON)
    assert made.status_code == 201, made.content
    found = made.json()
    assert found["history"] == {"state": "waiting", "share": 0.0}
    assert [entry["metric"] for entry in found["inputs"]] == ["a", "b"]
    address = f"{URL}/{found['id']}"
    assert browser.get(address).json() == found
    assert browser.get(URL, {"device": str(device.id)}).json()["results"] == [found]

    inputs = body(device)["inputs"][:1]
    changed = browser.put(address, way(device, formula="a * 2", inputs=inputs), JSON)
    assert (changed.status_code, changed.json()["revision"]) == (200, 2)
    assert browser.delete(address).status_code == 204
    assert browser.get(address).status_code == 404
    assert browser.delete(address).status_code == 404


@pytest.mark.parametrize(
    ("changed", "code", "pointer"),
    [
        ({"formula": "a +"}, "bad_formula", "#/formula"),
        ({"formula": "a ** b"}, "not_allowed", "#/formula"),
        ({"unit": "kWh"}, "units_do_not_fit", "#/formula"),
        ({"metric": "a"}, "name_taken", "#/metric"),
        ({"formula": "a"}, "unused_input", "#/inputs"),
    ],
)
def test_refusals_name_the_member(red, device, client_for, changed, code, pointer):
    answer = client_for(red.owner).post(URL, body(device, **changed), JSON)
    assert answer.status_code == 400
    assert (answer.json()["code"], answer.json()["errors"][0]["pointer"]) == (code, pointer)


def test_unknown_metrics_and_devices(red, blue, device, client_for):
    browser = client_for(red.owner)
    foreign = DeviceFactory(tenant=blue.tenant)
    ChannelFactory(device=foreign, name="a")
    inputs = [{"name": "a", "device": str(foreign.id), "metric": "a"}]
    answer = browser.post(URL, body(device, formula="a", inputs=inputs), JSON)
    assert answer.json()["errors"][0]["pointer"] == "#/inputs/0/metric"
    answer = browser.post(URL, body(device) | {"device": str(foreign.id)}, JSON)
    assert answer.json()["code"] == "unknown_device"
    assert client_for(red.viewer).post(URL, body(device), JSON).status_code == 403


def test_the_page(red, device, client_for):
    browser = client_for(red.owner)
    page = reverse("device-virtual", args=[device.id])
    assert "None yet" in browser.get(page).content.decode()
    choices = {str(channel.name): str(channel.uuid) for channel in _channels(red, device)}
    form = {
        "name": "total", "formula": "a + b", "unit": "kW", "kind": "gauge",
        "alignment": "quarter", "tolerance_seconds": "300", "name_1": "a",
        "channel_1": choices["a"], "name_2": "b", "channel_2": choices["b"],
    }  # fmt: skip
    refused = browser.post(f"{page}/new", form | {"formula": "a + c"})
    assert "c is no name of a channel given" in refused.content.decode()
    assert browser.post(f"{page}/new", form).status_code == 302
    shown = browser.get(page).content.decode()
    assert "a + b" in shown
    assert "Waits" in shown
    with red.scope():
        made = VirtualChannel.objects.get()
    assert browser.get(reverse("device", args=[device.id])).status_code == 200
    assert client_for(red.viewer).post(f"{page}/new", form).status_code == 403
    assert browser.post(f"{page}/{made.id}/remove").status_code == 302
    with red.scope():
        assert not VirtualChannel.objects.exists()
    assert browser.post(f"{page}/{made.id}/remove").status_code == 404


def _channels(red, device):
    with red.scope():
        return list(device.channels.all())

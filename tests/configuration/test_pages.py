"""The page on which devices are configured."""

import pytest

from devices.models import DeviceConfiguration
from devices.services.reported import note_reported
from tests.factories import NOW, DeviceFactory, DeviceProfileFactory

PARAMETERS = [
    {"name": "interval_s", "label": "Interval", "type": "integer", "unit": "s", "min": 5},
    {"name": "mode", "type": "choice", "choices": ["eco", "fast"]},
    {"name": "buzzer", "type": "boolean"},
    {"name": "channels", "type": "list", "fields": [{"name": "gpio", "type": "gpio"}]},
]


@pytest.fixture
def device(red):
    profile = DeviceProfileFactory(parameters=PARAMETERS)
    return DeviceFactory(tenant=red.tenant, gateway=None, profile=profile)


@pytest.fixture
def url(device):
    return f"/devices/{device.id}/configuration"


FORM = {"p_interval_s": "10", "p_buzzer": "false", "reason": "commissioning", "revision": "0"}


def test_a_change_is_sent(red, device, url, client_for):
    client = client_for(red.operator)

    answer = client.post(url, FORM, follow=True)

    assert "Revision 1 is on its way." in answer.content.decode()
    with red.scope():
        made = DeviceConfiguration.objects.get()
    assert made.body == {"interval_s": 10, "buzzer": False}
    assert made.author == red.operator


def test_problems_stand_at_their_field(red, url, client_for):
    answer = client_for(red.operator).post(url, FORM | {"p_channels": '[{"gpio": 6}]'})

    assert answer.status_code == 422
    assert "INVALID_GPIO_PIN" in answer.context["form"].errors["p_channels"][0]


def test_who_was_slower_is_told(red, url, client_for):
    client = client_for(red.operator)
    client.post(url, FORM)

    answer = client.post(url, FORM)

    assert answer.status_code == 422
    assert "Somebody changed" in answer.content.decode()


def test_drift_is_shown(red, device, url, client_for):
    client = client_for(red.operator)
    client.post(url, FORM)
    with red.scope():
        note_reported(
            device=device, body={"interval_s": 99, "buzzer": False}, revision=1, raw="", at=NOW
        )

    page = client.get(url)

    [found] = page.context["view"].drift
    assert (found.path, found.desired, found.reported) == ("interval_s", 10, 99)


def test_going_back(red, url, client_for):
    client = client_for(red.operator)
    client.post(url, FORM)
    client.post(url, FORM | {"p_interval_s": "60", "revision": "1"})

    answer = client.post(f"{url}/revert", {"revision": "1"}, follow=True)

    assert answer.context["view"].desired.body["interval_s"] == 10
    assert "There is no such revision" in (
        client.post(f"{url}/revert", {"revision": "x"}, follow=True).content.decode()
    )


def test_viewers_see_no_form(red, url, client_for):
    client = client_for(red.viewer)

    assert "Send to the device" not in client.get(url).content.decode()
    assert client.post(url, FORM).status_code == 404


def test_strangers_see_nothing(blue, url, client_for, stranger):
    assert client_for(blue.operator).get(url).status_code == 404
    assert client_for(stranger).get(url).status_code == 404


def test_a_type_without_parameters_takes_json(red, client_for):
    device = DeviceFactory(tenant=red.tenant, gateway=None)
    url = f"/devices/{device.id}/configuration"
    form = {"p_config": '{"a": [1, 2]}', "reason": "try", "revision": "0"}

    client_for(red.operator).post(url, form)

    with red.scope():
        assert DeviceConfiguration.objects.get().body == {"a": [1, 2]}


@pytest.mark.parametrize("revisions", [2, 12])
def test_costs_the_same_whatever_the_history(
    red, url, client_for, django_assert_max_num_queries, revisions
):
    client = client_for(red.operator)
    for number in range(revisions):
        client.post(url, FORM | {"revision": str(number)})

    with django_assert_max_num_queries(16):
        client.get(url)

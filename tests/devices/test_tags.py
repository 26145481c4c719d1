"""Words that people give to their devices."""

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse

from devices.tags import clean_tags, split_tags
from tests.factories import DeviceFactory


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ([], []),
        (["", "  "], []),
        ([" cooling ", "cooling", "COOLING"], ["cooling"]),
        (["hot  water", "b", "a"], ["hot water", "b", "a"]),
        (["a" * 40], ["a" * 40]),
        ([str(n) for n in range(20)] * 2, [str(n) for n in range(20)]),
    ],
)
def test_keeps_each_word_once(given, kept):
    assert clean_tags(given) == kept


@pytest.mark.parametrize(
    "given", [["a" * 41], [str(n) for n in range(21)], ["a,b"], ["a\u0007b"], ["a\0b"]]
)
def test_refuses_what_is_too_much(given):
    with pytest.raises(ValidationError):
        clean_tags(given)


def test_splits_a_line():
    assert clean_tags(split_tags("a, b ,,c c,")) == ["a", "b", "c c"]


class TestPages:
    @pytest.fixture
    def browser(self, client_for, red):
        return client_for(red.operator)

    @pytest.fixture
    def device(self, red):
        return DeviceFactory(tenant=red.tenant, name="Chiller", tags=["old"])

    def test_are_changed_with_the_name(self, browser, red, device):
        browser.post(
            reverse("device-edit", args=[device.id]), {"name": "Chiller", "tags": "cooling, roof"}
        )

        with red.scope():
            device.refresh_from_db()
        assert device.tags == ["cooling", "roof"]
        page = browser.get(f"{reverse('device', args=[device.id])}?part=settings")
        assert 'value="cooling, roof"' in page.content.decode()

    def test_says_what_is_wrong(self, browser, red, device):
        answer = browser.post(
            reverse("device-edit", args=[device.id]),
            {"name": "Chiller", "tags": "x" * 41},
            follow=True,
        )

        assert "A tag has at most 40 characters." in answer.content.decode()
        with red.scope():
            device.refresh_from_db()
        assert device.tags == ["old"]

    def test_the_fleet_is_filtered_by_them(self, browser, red, device):
        DeviceFactory(tenant=red.tenant, name="Boiler")

        page = browser.get(reverse("fleet"), {"tag": "old"}).content.decode()

        assert "Chiller" in page
        assert "Boiler" not in page
        assert "Boiler" in browser.get(reverse("fleet")).content.decode()


class TestApi:
    def test_are_read_changed_and_asked_for(self, client_for, red):
        browser, device = client_for(red.operator), DeviceFactory(tenant=red.tenant)
        url = f"/api/v1/devices/{device.id}"

        changed = browser.patch(
            url, {"tags": ["cooling", "Cooling", " roof "]}, content_type="application/json"
        )

        assert changed.json()["tags"] == ["cooling", "roof"]
        found = browser.get("/api/v1/devices?tag=roof").json()["results"]
        assert [row["id"] for row in found] == [str(device.id)]
        assert browser.get("/api/v1/devices?tag=none").json()["results"] == []

    def test_refuses_bad_ones(self, client_for, red):
        browser, device = client_for(red.operator), DeviceFactory(tenant=red.tenant)

        answer = browser.patch(
            f"/api/v1/devices/{device.id}", {"tags": ["a,b"]}, content_type="application/json"
        )

        assert answer.status_code == 400
        assert answer.json()["errors"][0]["pointer"] == "#/tags"

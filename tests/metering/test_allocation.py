"""Cost centres and allocation keys in the API."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.test import Client

from metering.models import AllocationKey, AllocationShare, CostCentre
from tests.conftest import Team
from tests.factories import MeterFactory, SiteFactory

pytestmark = pytest.mark.django_db
CENTRES, KEYS = "/api/v1/cost-centres", "/api/v1/allocation-keys"


class House:
    """A site, and a browser of somebody who may write."""

    def __init__(self, red: Team, client: Client) -> None:
        self.red, self.client = red, client
        self.site = SiteFactory(tenant=red.tenant)

    def send(self, method: str, url: str, body: dict[str, Any] | None = None) -> Any:
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        call = getattr(self.client, method)
        return call(url, body, content_type="application/json", headers=headers)

    def centre(self, name: str, **body: Any) -> str:
        answer = self.send("post", CENTRES, {"site": str(self.site.id), "name": name} | body)
        assert answer.status_code == 201, answer.content
        return str(answer.json()["id"])

    def key(self, method: str, parts: dict[str, str | None], **body: Any) -> Any:
        shares = [{"cost_centre": id_, "percent": percent} for id_, percent in parts.items()]
        wanted = {"site": str(self.site.id), "name": "Key", "method": method, "shares": shares}
        return self.send("post", KEYS, wanted | body)


@pytest.fixture
def house(red: Team, client_for: Any) -> House:
    return House(red, client_for(red.owner))


def code_of(answer: Any) -> tuple[int, str, str]:
    body = answer.json()
    return answer.status_code, body["code"], body["errors"][0]["pointer"]


def test_centres_are_made_read_changed_and_removed(house: House) -> None:
    shop = house.centre("Shop", kind="occupant", area_m2="60.5")

    assert house.client.get(f"{CENTRES}/{shop}").json() == {
        "id": shop, "site": str(house.site.id), "name": "Shop", "kind": "occupant",
        "area_m2": "60.50", "meter": None,
    }  # fmt: skip
    changed = house.send("put", f"{CENTRES}/{shop}", {"name": "Shop 1", "area_m2": "61"})
    assert (changed.json()["name"], changed.json()["kind"]) == ("Shop 1", "cost_centre")
    listed = house.client.get(f"{CENTRES}?site={house.site.id}").json()["results"]
    assert [row["id"] for row in listed] == [shop]
    taken = house.send("post", CENTRES, {"site": str(house.site.id), "name": "Shop 1"})
    assert code_of(taken) == (400, "name_taken", "#/name")
    assert house.send("delete", f"{CENTRES}/{shop}").status_code == 204
    assert house.client.get(f"{CENTRES}/{shop}").status_code == 404


def test_a_key_holds_its_shares_and_is_changed_as_a_whole(house: House) -> None:
    a, b = house.centre("A"), house.centre("B")
    made = house.key("fixed", {a: "60", b: "40"})
    assert made.status_code == 201
    key = made.json()["id"]
    assert made.json()["shares"] == [
        {"cost_centre": a, "percent": "60.0000"}, {"cost_centre": b, "percent": "40.0000"},
    ]  # fmt: skip

    changed = house.send("put", f"{KEYS}/{key}", {
        "name": "All to B", "method": "fixed", "shares": [{"cost_centre": b, "percent": "100"}],
    })  # fmt: skip

    assert changed.json()["shares"] == [{"cost_centre": b, "percent": "100.0000"}]
    with house.red.scope():
        assert AllocationShare.objects.count() == 1
    assert [row["name"] for row in house.client.get(KEYS).json()["results"]] == ["All to B"]
    assert house.send("delete", f"{CENTRES}/{b}").json()["code"] == "in_use"
    assert house.send("delete", f"{KEYS}/{key}").status_code == 204
    with house.red.scope():
        assert not AllocationKey.objects.exists()
        assert CostCentre.objects.count() == 2


def test_shares_have_to_make_a_whole(house: House) -> None:
    a, b = house.centre("A"), house.centre("B", area_m2="10")

    assert code_of(house.key("fixed", {a: "60", b: "39.9999"})) == (400, "not_whole", "#/shares")
    assert code_of(house.key("fixed", {a: "100", b: None})) == (400, "not_whole", "#/shares")
    assert code_of(house.key("fixed", {a: "110", b: "-10"})) == (400, "not_whole", "#/shares")
    assert code_of(house.key("area", {a: None, b: None})) == (400, "no_area", "#/shares")
    assert code_of(house.key("area", {b: "100"})) == (400, "invalid", "#/shares")
    assert code_of(house.key("consumption", {b: None})) == (400, "no_meter", "#/shares")
    assert code_of(house.key("fixed", {str(uuid.uuid4()): "100"})) == (
        400, "unknown_centre", "#/shares",
    )  # fmt: skip
    with house.red.scope():
        assert not AllocationKey.objects.exists()


def test_what_a_key_shares_by_is_not_taken_from_a_centre(house: House) -> None:
    shop = house.centre("Shop", area_m2="10")
    assert house.key("area", {shop: None}).status_code == 201

    refused = house.send("put", f"{CENTRES}/{shop}", {"name": "Shop", "area_m2": None})

    assert code_of(refused) == (400, "no_area", "#/area_m2")
    with house.red.scope():
        assert CostCentre.objects.get(id=shop).area_m2 == 10


def test_one_key_for_the_same_costs_and_meters_of_the_same_site(house: House) -> None:
    a = house.centre("A")
    meter = MeterFactory(site=house.site)
    strange = MeterFactory(site=SiteFactory(tenant=house.red.tenant))

    assert house.key("fixed", {a: "100"}).status_code == 201
    assert code_of(house.key("fixed", {a: "100"})) == (400, "taken", "#/meter")
    assert house.key("fixed", {a: "100"}, meter=str(meter.id)).status_code == 201
    foreign = house.key("fixed", {a: "100"}, meter=str(strange.id))
    assert code_of(foreign) == (400, "unknown_meter", "#/meter")


def test_viewers_read_only_and_strangers_find_nothing(
    house: House, client_for: Any, blue: Team
) -> None:
    a = house.centre("A")
    key = house.key("fixed", {a: "100"}).json()["id"]
    viewer, stranger = client_for(house.red.viewer), client_for(blue.owner)

    assert viewer.get(f"{KEYS}/{key}").status_code == 200
    assert viewer.delete(f"{KEYS}/{key}").status_code == 403
    for url in (f"{CENTRES}/{a}", f"{KEYS}/{key}"):
        assert stranger.get(url).status_code == 404
        assert stranger.delete(url).status_code == 404
    house.client = stranger
    shares = [{"cost_centre": a, "percent": "100"}]
    body = {"name": "x", "method": "fixed", "shares": shares}
    assert house.send("put", f"{KEYS}/{key}", body).status_code == 404

"""Where a site is: complete and on Earth, or unknown."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from devices.models import Site
from tests.conftest import Team
from tests.factories import SiteFactory

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]


def patch(client: Client, site: Site, body: dict[str, Any]) -> Any:
    return client.patch(f"/api/v1/sites/{site.id}", json.dumps(body), "application/json")


def test_a_site_has_coordinates_and_may_lose_them(red: Team, client_for: SignIn) -> None:
    client, site = client_for(red.owner), SiteFactory(tenant=red.tenant)
    there = patch(client, site, {"latitude": 38.42, "longitude": 27.14})
    assert (there.json()["latitude"], there.json()["longitude"]) == (38.42, 27.14)
    nowhere = patch(client, site, {"latitude": None, "longitude": None})
    assert (nowhere.status_code, nowhere.json()["latitude"]) == (200, None)


@pytest.mark.parametrize(
    "body",
    [
        {"latitude": 38.42}, {"latitude": 90.1, "longitude": 0}, {"latitude": 0, "longitude": -181},
        {"latitude": "nan", "longitude": 3.0},
    ],
)  # fmt: skip
def test_half_a_place_and_places_off_the_earth_are_refused(
    red: Team, client_for: SignIn, body: dict[str, Any]
) -> None:
    site = SiteFactory(tenant=red.tenant)
    assert patch(client_for(red.owner), site, body).status_code == 400
    site.refresh_from_db()
    assert site.latitude is None

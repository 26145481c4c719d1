"""The pages of Explore as the server writes them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from telemetry.explore.queries import MAX_CHANNELS, read_ids, search_channels
from tests.conftest import Team
from tests.factories import ChannelFactory, DeviceFactory, SiteFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(red: Team, client_for: Callable[..., Client]) -> Client:
    """Return the browser of somebody who may only look."""
    return client_for(red.viewer)


def test_shows_the_channels_of_the_address_in_its_order(browser: Client, red: Team) -> None:
    first, second = (ChannelFactory(tenant=red.tenant, name=name) for name in ("power", "flow"))

    page = browser.get(f"/explore?c={second.uuid},{first.uuid},nonsense")

    assert [choice["id"] for choice in page.context["chosen"]] == [second.uuid, first.uuid]


def test_begins_with_the_channel_of_a_device(browser: Client, red: Team) -> None:
    channel = ChannelFactory(tenant=red.tenant, name="power")

    page = browser.get(f"/explore?device={channel.device_id}&metric=power")

    assert [choice["id"] for choice in page.context["chosen"]] == [channel.uuid]


def test_shows_nothing_of_another_organisation(browser: Client, blue: Team) -> None:
    foreign = ChannelFactory(tenant=blue.tenant, name="secret_power")

    assert browser.get(f"/explore?c={foreign.uuid}").context["chosen"] == []
    assert browser.get("/explore/channels?q=secret").json() == {"channels": []}


def test_finds_by_every_word_in_any_place(browser: Client, red: Team) -> None:
    site = SiteFactory(tenant=red.tenant, name="North mill")
    ChannelFactory(device=DeviceFactory(site=site, name="Pump 7"), name="active_power_net")
    ChannelFactory(device=DeviceFactory(site=site, name="Fan 1"), name="active_power_net")

    found = browser.get("/explore/channels?q=mill power pump").json()["channels"]

    assert [(one["device"], one["site"]) for one in found] == [("Pump 7", "North mill")]


def test_the_search_costs_the_same_at_any_size(red: Team) -> None:
    def count() -> int:
        with red.scope(), CaptureQueriesContext(connection) as queries:
            search_channels("power")
        return len(queries)

    ChannelFactory(tenant=red.tenant, name="power")
    few = count()
    for _ in range(5):
        ChannelFactory(tenant=red.tenant, name="power")

    assert count() == few == 1


def test_reads_no_more_ids_than_fit() -> None:
    ids = [f"00000000-0000-0000-0000-{number:012}" for number in range(20)]

    assert len(read_ids([",".join(ids), ids[0], "x"])) == MAX_CHANNELS


def test_lists_exports_and_deletes_one(browser: Client, red: Team) -> None:
    channel = ChannelFactory(tenant=red.tenant)
    made = browser.post(
        "/api/v1/exports", {"channel": str(channel.uuid)}, content_type="application/json"
    ).json()

    assert made["id"] in browser.get("/explore/exports").content.decode()
    browser.post(f"/explore/exports/{made['id']}/delete")
    assert made["id"] not in browser.get("/explore/exports").content.decode()

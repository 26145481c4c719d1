"""Loading an image: signed address, one device, ranges, limits."""

import asyncio
import datetime as dt
import hashlib
import json
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.core import signing
from django.test import AsyncClient, Client, override_settings

from devices.firmware.ranges import Unsatisfiable, read_range
from devices.models import CampaignTarget, Device, OutboundMessage, RevocationReason, ShutOut
from devices.services.campaign_selection import Plan
from devices.services.campaign_steps import step_campaigns
from devices.services.campaigns import cancel_campaign, pause_campaign, start_campaign
from devices.services.firmware import image_storage, withdraw_release
from devices.services.firmware_offers import MAX_TIMES_OVER
from tests.firmware.conftest import IMAGE


@pytest.fixture
def now():
    """The clock of the page."""
    return dt.datetime.now(dt.UTC)


@pytest.fixture
def campaign(red, profile, release, make_devices, now):
    make_devices(2)
    plan = Plan(name="x", kind="firmware", profile=profile, release=release, canary="2")
    with red.scope():
        made = start_campaign(plan=plan, actor=red.owner, now=now)
    step_campaigns(now=now)
    return made


@pytest.fixture
def addresses(campaign):
    offers = [json.loads(bytes(row.payload)) for row in OutboundMessage.objects.order_by("id")]
    found = []
    for offer in offers:
        assert offer["url"].startswith(f"{settings.PUBLIC_URL}/firmware/images/")
        found.append(offer["url"].removeprefix(settings.PUBLIC_URL))
    return found


def body(response):
    return b"".join(response.streaming_content)


def test_the_image_comes_whole(red, release, addresses):
    answer = Client().get(addresses[0])

    assert answer.status_code == 200
    assert body(answer) == IMAGE
    assert answer["Content-Length"] == str(len(IMAGE))
    assert answer["ETag"] == f'"{release.sha256}"'
    assert "no-store" in answer["Cache-Control"]
    with red.scope():
        states = CampaignTarget.objects.values_list("state", "downloads", "asked_bytes")
        assert sorted(states) == [("downloading", 1, len(IMAGE)), ("offered", 0, 0)]


def test_it_goes_on_where_it_stopped(release, addresses):
    client, half = Client(), len(IMAGE) // 2
    first = client.get(addresses[0], headers={"Range": f"bytes=0-{half - 1}"})
    etag = first["ETag"]
    second = client.get(addresses[0], headers={"Range": f"bytes={half}-", "If-Range": etag})

    assert (first.status_code, second.status_code) == (206, 206)
    assert second["Content-Range"] == f"bytes {half}-{len(IMAGE) - 1}/{len(IMAGE)}"
    whole = body(first) + body(second)
    assert hashlib.sha256(whole).hexdigest() == release.sha256


def test_another_image_begun_before_is_sent_anew(addresses):
    answer = Client().get(addresses[0], headers={"Range": "bytes=9-", "If-Range": '"other"'})
    assert (answer.status_code, body(answer)) == (200, IMAGE)


def test_a_range_behind_the_end(addresses):
    answer = Client().get(addresses[0], headers={"Range": f"bytes={len(IMAGE)}-"})
    assert answer.status_code == 416
    assert answer["Content-Range"] == f"bytes */{len(IMAGE)}"


def test_head_tells_the_size_only(red, addresses):
    answer = Client().head(addresses[0])
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer["Content-Length"] == str(len(IMAGE))
    with red.scope():
        assert not CampaignTarget.objects.filter(downloads__gt=0).exists()


@pytest.mark.django_db(transaction=True)
def test_it_is_streamed_under_asgi(addresses):
    async def load():
        answer = await AsyncClient().get(addresses[0], headers={"Range": "bytes=1-"})
        assert answer.is_async
        return b"".join([piece async for piece in answer.streaming_content])

    assert asyncio.run(load()) == IMAGE[1:]


def _swap(address, other):
    """The path of one device with the token of another."""
    return f"{urlsplit(address).path}?{urlsplit(other).query}"


def test_other_devices_get_404(red, blue, addresses, release):
    mine, other = addresses
    parts = urlsplit(mine)
    token = parse_qs(parts.query)["token"][0]
    again = signing.dumps(signing.loads(token, salt="devices.firmware.download"), salt="wrong")
    bad = [
        _swap(mine, other),
        _swap(other, mine),
        parts.path,
        f"{parts.path}?token=",
        f"{parts.path}?token={token[:-1]}",
        f"{parts.path}?token={again}",
        f"{parts.path}?token={'x' * 5000}",
        mine.replace(str(release.id), str(red.tenant.id)),
        mine.replace("/firmware/images/", "/firmware/images/../images/"),
    ]
    for address in bad:
        assert Client().get(address).status_code == 404, address
    with red.scope():
        assert not CampaignTarget.objects.exclude(state="offered").exists()


def test_forged_claims_get_404(addresses):
    path = urlsplit(addresses[0]).path
    for claims in ({}, [], "x", {"target": "x"}, {"target": None, "device": 1}):
        token = signing.dumps(claims, salt="devices.firmware.download")
        assert Client().get(f"{path}?token={token}").status_code == 404


def test_after_ten_minutes_it_is_over(red, campaign, addresses, now):
    token = parse_qs(urlsplit(addresses[0]).query)["token"][0]
    claims = signing.loads(token, salt="devices.firmware.download")
    for seconds, status in ((599, 200), (602, 404), (-30, 200), (-90, 404)):
        old = signing.dumps(
            claims | {"at": claims["at"] - seconds}, salt="devices.firmware.download"
        )
        address = f"{urlsplit(addresses[0]).path}?token={old}"
        assert Client().get(address).status_code == status, seconds


def test_withdrawn_cancelled_and_paused(red, campaign, addresses, release, now):
    with red.scope():
        pause_campaign(campaign_id=campaign.id, reason="wait", now=now)
    answer = Client().get(addresses[0])
    assert (answer.status_code, answer["Retry-After"]) == (503, "60")
    with red.scope():
        cancel_campaign(campaign_id=campaign.id, reason="no", now=now)
    assert Client().get(addresses[0]).status_code == 404


def test_withdrawn_firmware_is_not_sent(red, addresses, release, now):
    with red.scope():
        withdraw_release(release_id=release.id, now=now)
    assert Client().get(addresses[0]).status_code == 404


def test_an_address_of_an_earlier_try_is_dead(red, campaign, addresses, now):
    step_campaigns(now=now + dt.timedelta(seconds=900))  # too late: put back
    assert [Client().get(address).status_code for address in addresses] == [404, 404]


def test_a_lost_file_is_404(release, addresses):
    image_storage().delete(release.stored_as)
    assert Client().get(addresses[0]).status_code == 404


def test_who_asks_too_often_waits(addresses):
    with override_settings(FIRMWARE_REQUESTS_PER_MINUTE=2):
        client = Client()
        codes = [client.get(addresses[0]).status_code for _ in range(4)]
        assert codes == [200, 200, 429, 429]
        assert client.get(addresses[1]).status_code == 200  # another device is not held up


def test_who_loads_everything_over_and_over_is_stopped(red, addresses):
    with red.scope():
        CampaignTarget.objects.update(asked_bytes=MAX_TIMES_OVER * len(IMAGE))
    answer = Client().get(addresses[0])
    assert (answer.status_code, answer.json()["code"]) == (429, "asked_too_often")


def test_our_key_is_public(campaign):
    answer = Client().get("/pki/firmware.pub")
    assert answer.status_code == 200
    assert len(answer.content.strip()) == 44


@pytest.mark.parametrize(
    ("header", "expected"),
    [("", None), ("bytes=0-0", (0, 0)), ("bytes=5-", (5, 9)), ("bytes=5-99", (5, 9)),
     ("bytes=-3", (7, 9)), ("bytes=-99", (0, 9)), ("bytes=5-2", None), ("bytes=0-1,3-4", None),
     ("items=0-1", None), ("bytes=-", None), ("bytes=a-b", None), ("BYTES=1-2", (1, 2))],
)  # fmt: skip
def test_ranges(header, expected):
    assert read_range(header, size=10) == expected


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-20", "bytes=-0"])
def test_ranges_behind_the_end(header):
    with pytest.raises(Unsatisfiable):
        read_range(header, size=10)


def test_a_device_that_was_shut_out_loads_nothing_any_more(red, addresses, now):
    assert Client().get(addresses[0]).status_code == 200
    device_id = urlsplit(addresses[0]).path.split("/")[3]

    with red.scope():
        device = Device.objects.get(id=device_id)
        ShutOut.objects.create(device=device, at=now, reason=RevocationReason.KEY_COMPROMISE)

    assert Client().get(addresses[0]).status_code == 404
    assert Client().get(addresses[1]).status_code == 200

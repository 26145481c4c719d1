"""S16 and S20: who a client is, is what its certificate says, and nothing else.

Judged by what the broker delivers: it acknowledges what it then ignores.
"""

from __future__ import annotations

import datetime as dt

import pytest
from django.conf import settings

from devices.services.authorities import active_authority, open_authority
from tests.devices.mqtt_clients import TestClient
from tests.pki.clients import CertificateClient, Refused
from tests.pki.forge import DAY, forge, strange_authority

pytestmark = pytest.mark.django_db


@pytest.fixture
def ours(broker):
    """The authority that the broker trusts."""
    return open_authority(active_authority())


@pytest.fixture
def platform(broker):
    with TestClient(settings.MQTT_USERNAME, settings.MQTT_PASSWORD) as client:
        client.subscribe("tenant/#")
        yield client


def own_topics(box):
    return f"tenant/{box.device.tenant_id}/gw/{box.username}"


STRANGERS = {
    "another authority": lambda ours, now: {"authority": strange_authority("Other", now)},
    "an authority of the same name": lambda ours, now: {
        "authority": strange_authority("Embedded demo CA", now)
    },
    "self-signed": lambda ours, now: {"authority": None},
    "expired": lambda ours, now: {"authority": ours, "begins": now - 9 * DAY, "ends": now - DAY},
    "not yet valid": lambda ours, now: {
        "authority": ours, "begins": now + DAY, "ends": now + 9 * DAY,
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", STRANGERS)
def test_tls_refuses(kind, red, make_box, connect, ours, broker, soon, tmp_path):
    box = make_box(red)
    given = {"begins": soon - DAY, "ends": soon + DAY} | STRANGERS[kind](ours, soon)
    files = forge(tmp_path, common_name=box.username, **given)

    with pytest.raises(Refused):
        connect(files)


def test_tls_refuses_a_client_without_a_certificate(broker):
    nobody = CertificateClient(broker.tls_port, broker.ca_file, None, None)

    with pytest.raises(Refused), nobody:
        pass


NAMES = ["+", "#", "{victim} ", " {victim}", "{victim}/x", "{victim}/../x", "..", "x\0{victim}",
         "{victim}\0x", "$SYS", "{VICTIM}", "platform ", "tenant/+/gw/{victim}"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_is_no_box_has_no_right(
    name, red, make_box, connect, ours, platform, soon, tmp_path
):
    """As if the authority had been tricked into signing it: the rights are still nobody's."""
    victim = make_box(red)
    own, sentinel = own_topics(victim), "tenant/sentinel"
    tricked = name.format(victim=victim.username, VICTIM=victim.username.upper())
    files = forge(
        tmp_path, ours, common_name=tricked, begins=soon - DAY, ends=soon + dt.timedelta(days=9)
    )

    try:
        client = connect(files)
    except Refused:
        return  # even better
    client.subscribe("#")
    client.subscribe(f"{own}/down/#")
    client.publish(f"{own}/telemetry", "forged")
    platform.publish(f"{own}/down/config", "secret")
    platform.publish(sentinel)

    seen = platform.take_until(sentinel)
    assert f"{own}/telemetry" not in seen
    assert client.received.empty()


def test_the_last_of_two_names_in_a_certificate_wins_nothing(
    red, make_box, connect, ours, platform, soon, tmp_path
):
    victim, thief = make_box(red), make_box(red)
    files = forge(
        tmp_path, ours, common_name=thief.username, extra_names=(victim.username,),
        begins=soon - DAY, ends=soon + DAY,
    )  # fmt: skip

    try:
        client = connect(files)
    except Refused:
        return
    both = [f"{own_topics(box)}/telemetry" for box in (victim, thief)]
    for topic in both:
        client.publish(topic)
    platform.publish("tenant/sentinel")

    # the broker takes one name as the identity: never two at once
    assert len(set(platform.take_until("tenant/sentinel")) & set(both)) <= 1


def test_a_user_name_in_the_connection_is_ignored(red, make_box, broker, platform):
    thief, victim = make_box(red), make_box(red)
    own = own_topics(victim)

    class Claiming(CertificateClient):
        def __enter__(self):
            self.client.username_pw_set(victim.username, "x")
            return super().__enter__()

    with Claiming(broker.tls_port, broker.ca_file, thief.cert_file, thief.key_file) as claiming:
        claiming.publish(f"{own}/telemetry", "forged")
        claiming.publish(f"{own_topics(thief)}/telemetry", "own")

        seen = platform.take_until(f"{own_topics(thief)}/telemetry")
    assert f"{own}/telemetry" not in seen


def test_nobody_takes_over_a_session_by_its_client_id(red, make_box, connect):
    victim, thief = make_box(red), make_box(red)
    client = connect(victim, client_id=victim.username)

    other = connect(thief, client_id=victim.username)

    assert not client.disconnected.wait(1)
    assert not other.disconnected.is_set()


def test_a_newer_session_of_the_same_box_takes_the_place_of_the_older(red, make_box, connect):
    box = make_box(red)
    first = connect(box)

    second = connect(box)

    assert first.disconnected.wait(5)
    assert not second.disconnected.is_set()

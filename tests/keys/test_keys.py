"""API keys: shown once, kept as a hash, bounded in rights and time."""

import datetime as dt
import logging

import pytest
from django.db import connection
from django.test import RequestFactory

from accounts.credentials.api_key import ApiKeyPrincipal, credential_of_key, read_api_key
from accounts.credentials.base import CredentialRefused
from accounts.credentials.secrets import make_secret, parse_secret
from accounts.models import ApiKey, AuditEvent
from accounts.rbac.registry import SYSTEM_ROLES
from accounts.rbac.scope import scope
from accounts.services.keys import (
    BadExpiry,
    KeyGone,
    NoPermission,
    create_key,
    revoke_key,
    rotate_key,
)
from accounts.services.refusals import RoleTooStrong, UnknownCodes
from devices.models import Device
from tests.factories import DeviceFactory

ADMIN = SYSTEM_ROLES["admin"]
HOUR = dt.timedelta(hours=1)


@pytest.fixture
def make(red, now):
    """Return a function that makes a key of the red tenant."""

    def make_key(codes=("read:device",), **fields):
        fields = {
            "name": "Export",
            "expires_at": None,
            "created_by": red.owner,
            "editor_codes": ADMIN,
            "now": now,
            **fields,
        }
        with red.scope():
            return create_key(codes=codes, **fields)

    return make_key


def test_a_key_says_who_it_is_and_what_it_may(make, red, blue, now):
    own, other = DeviceFactory(tenant=red.tenant), DeviceFactory(tenant=blue.tenant)

    found = credential_of_key(make().secret.text, now=now)

    assert isinstance(found.user, ApiKeyPrincipal)
    assert (found.acting.kind, found.acting.codes) == ("key", {"read:device"})
    assert found.user.has_perm("devices.view_device", own)
    assert not found.user.has_perm("write:device", own)
    assert not found.user.has_perm("read:device", other)
    with found.acting.scope():
        assert found.user.has_perm("read:device")
        assert list(scope(found.user, "read:device", Device)) == [own]
        assert not scope(found.user, "write:device", Device).exists()


def test_the_secret_is_nowhere(make, now, caplog):
    caplog.set_level(logging.DEBUG)
    new = make()
    credential_of_key(new.secret.text, now=now)

    with connection.cursor() as cursor:
        cursor.execute("SELECT k::text FROM accounts_apikey k")
        rows = str(cursor.fetchall())
        cursor.execute("SELECT e::text FROM accounts_auditevent e")
        rows += str(cursor.fetchall())
    assert new.secret.secret not in rows
    assert new.secret.secret not in caplog.text
    assert new.secret.secret not in repr(new) + str(new.key)
    assert "key.created" in rows


@pytest.mark.parametrize(
    "sent",
    ["", "ek_", "ek__", "x", "ek_abc", "ek_abcdefabcdef_wrong", "ek_ü_x", "ek_a b_c", "ek_" * 90,
     "Bearer x", "ek_\0_x"],
)  # fmt: skip
def test_refuses_what_is_no_key(make, now, sent):
    make()

    with pytest.raises(CredentialRefused) as refused:
        credential_of_key(sent, now=now)
    assert refused.value.code == "invalid_api_key"


def test_refuses_a_wrong_secret_of_a_known_prefix(make, now):
    new = make()
    wrong = f"ek_{new.key.prefix}_{make_secret().secret}"

    with pytest.raises(CredentialRefused):
        credential_of_key(wrong, now=now)


def test_an_expired_revoked_or_suspended_key_is_refused(make, red, now):
    short = make(expires_at=now + HOUR)
    revoked = make()
    with red.scope():
        revoke_key(key_id=revoked.key.id, now=now)

    credential_of_key(short.secret.text, now=now)
    for text, at in ((short.secret.text, now + HOUR), (revoked.secret.text, now)):
        with pytest.raises(CredentialRefused):
            credential_of_key(text, now=at)

    alive = make()
    red.tenant.is_active = False
    red.tenant.save()
    with pytest.raises(CredentialRefused):
        credential_of_key(alive.secret.text, now=now)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"codes": ["read:everything"]}, UnknownCodes),
        ({"codes": []}, NoPermission),
        ({"codes": ["delete:device"], "editor_codes": SYSTEM_ROLES["operator"]}, RoleTooStrong),
        ({"expires_at": dt.datetime(2020, 1, 1, tzinfo=dt.UTC)}, BadExpiry),
    ],
)
def test_nobody_makes_a_key_stronger_than_themselves(make, fields, error):
    with pytest.raises(error):
        make(**fields)
    assert not AuditEvent.objects.exists()


def test_rotation_lets_both_keys_work_for_a_while(make, red, now):
    old = make()
    with red.scope():
        new = rotate_key(
            key_id=old.key.id, overlap=HOUR, created_by=red.owner, editor_codes=ADMIN, now=now
        )

    for text in (old.secret.text, new.secret.text):
        credential_of_key(text, now=now + HOUR / 2)
    with pytest.raises(CredentialRefused):
        credential_of_key(old.secret.text, now=now + HOUR)
    credential_of_key(new.secret.text, now=now + HOUR)
    assert new.key.codes == old.key.codes


def test_a_key_of_another_tenant_does_not_exist(make, blue, now):
    new = make()

    with blue.scope(), pytest.raises(KeyGone):
        revoke_key(key_id=new.key.id, now=now)


def test_the_last_use_is_written_once_a_minute(make, red, now, django_assert_num_queries):
    text = make().secret.text
    credential_of_key(text, now=now)

    with django_assert_num_queries(1):
        credential_of_key(text, now=now + dt.timedelta(seconds=30))
    with red.scope():
        assert ApiKey.objects.get().last_used_at == now
    credential_of_key(text, now=now + dt.timedelta(seconds=61))
    with red.scope():
        assert ApiKey.objects.get().last_used_at == now + dt.timedelta(seconds=61)


def test_keys_live_through_a_change_of_the_secret_key(make, now, settings):
    text, old = make().secret.text, settings.SECRET_KEY
    settings.SECRET_KEY = "another-secret-key-0123456789-abcdefgh"
    with pytest.raises(CredentialRefused):
        credential_of_key(text, now=now)

    settings.SECRET_KEY_FALLBACKS = [old]
    credential_of_key(text, now=now)


def test_reads_the_header(make):
    request = RequestFactory().get("/api/v1/devices", headers={"X-API-Key": make().secret.text})

    assert read_api_key(request).acting.kind == "key"
    assert read_api_key(RequestFactory().get("/api/v1/devices")) is None


def test_a_secret_has_256_bits_and_can_be_read_back():
    secret = make_secret()

    assert len(secret.secret) >= 43
    assert parse_secret(secret.text) == secret

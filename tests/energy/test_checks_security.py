"""`manage.py check` reports what would let the wrong people in."""

from __future__ import annotations

import pytest
from csp.constants import SELF, UNSAFE_INLINE

from energy import checks_security as checks
from tests.factories import UserFactory


def ids(messages) -> list[str]:
    return [message.id for message in messages]


def test_the_role_backend_stands_before_guardians(settings):
    assert ids(checks.check_backends(None)) == []

    settings.AUTHENTICATION_BACKENDS = sorted(
        settings.AUTHENTICATION_BACKENDS, key=lambda name: "ShareBackend" not in name
    )
    assert ids(checks.check_backends(None)) == ["energy.E006"]

    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
    assert ids(checks.check_backends(None)) == ["energy.E006"]


def test_the_registry_has_56_26_and_14_codes(monkeypatch):
    assert ids(checks.check_codes(None)) == []

    fewer = checks.SYSTEM_ROLES["viewer"] - {"read:device"}
    monkeypatch.setitem(checks.SYSTEM_ROLES, "viewer", fewer)
    assert ids(checks.check_codes(None)) == ["energy.E007"]

    # the right number, but something operators lack
    monkeypatch.setitem(checks.SYSTEM_ROLES, "viewer", fewer | {"write:tenant"})
    assert ids(checks.check_codes(None)) == ["energy.E007"]


@pytest.mark.parametrize(
    ("directive", "sources"),
    [("script-src", [SELF, UNSAFE_INLINE]), ("style-src", [UNSAFE_INLINE])],
)
def test_the_admins_policy_does_not_leak(settings, directive, sources):
    assert ids(checks.check_policy(None)) == []

    policy = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"] | {directive: sources}
    settings.CONTENT_SECURITY_POLICY = {"DIRECTIVES": policy}
    assert ids(checks.check_policy(None)) == ["energy.E004"]


def test_the_policy_has_no_hole_and_is_sent(settings):
    policy = dict(settings.CONTENT_SECURITY_POLICY["DIRECTIVES"])
    del policy["base-uri"]
    settings.CONTENT_SECURITY_POLICY = {"DIRECTIVES": policy}
    assert ids(checks.check_policy(None)) == ["energy.E004"]


def test_the_policys_middleware_is_there(settings):
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "csp" not in name.lower()]

    assert ids(checks.check_policy(None)) == ["energy.E004"]


def test_keys_are_long_and_used_once(settings):
    settings.SECRET_KEY, settings.METRICS_TOKEN = "a" * 50, "b" * 32
    assert ids(checks.check_keys(None)) == []

    settings.METRICS_TOKEN = settings.SECRET_KEY
    assert ids(checks.check_keys(None)) == ["energy.E003"]

    settings.METRICS_TOKEN = "short"
    assert ids(checks.check_keys(None)) == ["energy.E003"]


def test_tokens_have_a_key_of_their_own(settings):
    settings.HEADLESS_JWT_ALGORITHM, settings.HEADLESS_JWT_PRIVATE_KEY = "HS256", ""
    assert ids(checks.check_keys(None)) == ["energy.E003"]


def test_behind_tls_the_proxy_is_named(settings):
    settings.SECURE_SSL_REDIRECT, settings.TRUSTED_PROXIES = True, []
    assert ids(checks.check_proxies(None)) == ["energy.W018"]

    settings.TRUSTED_PROXIES = ["127.0.0.1/32"]
    assert ids(checks.check_proxies(None)) == []


@pytest.mark.django_db
def test_staff_without_a_second_factor_are_counted(staff):
    from allauth.mfa.models import Authenticator

    UserFactory()  # customers are no staff
    assert ids(checks.check_staff(["default"])) == ["energy.W013"]
    assert ids(checks.check_staff(None)) == []

    Authenticator.objects.create(user=staff, type=Authenticator.Type.TOTP, data={})
    assert ids(checks.check_staff(["default"])) == []


def test_files_of_others_are_those_that_were_looked_at(settings, tmp_path):
    assert ids(checks.check_vendored(None)) == []

    folder = tmp_path / "static" / "vendor" / "thing"
    folder.mkdir(parents=True)
    (folder / "VERSION").write_text(f"thing 1\n{'0' * 64}  thing.js\n")
    (folder / "thing.js").write_text("changed")
    settings.BASE_DIR = tmp_path
    assert ids(checks.check_vendored(None)) == ["energy.W014"]

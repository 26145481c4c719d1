"""Staff act as a customer: with a reason, seen, without secrets, for thirty minutes (S32)."""

from __future__ import annotations

import datetime as dt
import uuid
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from accounts.models import AuditEvent, User
from accounts.services.impersonation import may_impersonate
from tests.admin.conftest import Fleet, enter_sudo
from tests.factories import UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]

REASON = "case 4711, wrong totals"


def start_url(user: User) -> str:
    return reverse("admin:accounts_user_impersonate", args=[user.pk])


def start(client: Client, user: User, reason: str = REASON) -> None:
    response = client.post(start_url(user), {"user_pk": str(user.pk), "reason": reason})
    assert (response.status_code, response.url) == (302, "/")


def who(client: Client) -> uuid.UUID | None:
    raw = client.session.get("_auth_user_id")
    return uuid.UUID(raw) if raw else None


def pass_time(client: Client, **time: float) -> None:
    """Move the end of the impersonation as if time had passed."""
    session = client.session
    session["impersonation_until"] -= dt.timedelta(**time).total_seconds()
    session.save()


def events(action: str) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(action=action).order_by("at", "id"))


@pytest.fixture
def customer(red_fleet: Fleet) -> User:
    """The administrator of tenant red."""
    return red_fleet.team.owner


def test_the_page_of_a_customer_leads_to_the_reason(admin_client: Client, customer: User):
    page = admin_client.get(f"/admin/accounts/user/{customer.pk}/change/").content.decode()

    assert start_url(customer) in page
    form = admin_client.get(start_url(customer)).content.decode()
    assert customer.email in form
    assert 'name="reason"' in form


@pytest.mark.parametrize("reason", ["", "   ", "x", "    x    "])
def test_without_a_reason_nothing_begins(
    reason: str, admin_client: Client, customer: User, staff: User
):
    response = admin_client.post(
        start_url(customer), {"user_pk": str(customer.pk), "reason": reason}
    )

    assert response.status_code == 400
    assert who(admin_client) == staff.pk
    assert events("impersonation.started") == []


def test_staff_see_what_the_customer_sees_under_a_banner(
    admin_client: Client, customer: User, red_fleet: Fleet
):
    start(admin_client, customer)

    for url in ("/", f"/devices/{red_fleet.device.pk}", "/admin/", "/admin/devices/device/"):
        page = admin_client.get(url).content.decode()
        assert f"You act as {customer.email}." in page, url
        assert REASON in page
        assert reverse("impersonation-end") in page
    assert who(admin_client) == customer.pk
    assert admin_client.get("/admin/accounts/user/").status_code == 403


def test_nobody_else_sees_a_banner(client_for, customer: User):
    assert "You act as" not in client_for(customer).get("/").content.decode()


def test_the_audit_trail_names_both(admin_client: Client, customer: User, staff: User, red_fleet):
    start(admin_client, customer)
    admin_client.post(
        reverse("admin:devices_site_change", args=[red_fleet.site.pk]),
        {"name": "renamed", "timezone": "UTC", "currency": "EUR", "address": ""},
    )
    response = admin_client.post(reverse("impersonation-end"))

    assert response.url == f"/admin/accounts/user/{customer.pk}/change/"
    assert who(admin_client) == staff.pk
    assert "impersonator_id" not in admin_client.session
    [started], [ended] = events("impersonation.started"), events("impersonation.ended")
    assert (started.actor_id, started.object_id) == (staff.pk, str(customer.pk))
    assert started.detail["reason"] == REASON
    assert (ended.actor_id, ended.impersonator_id) == (customer.pk, staff.pk)
    assert ended.detail["cause"] == "button"
    assert {started.tenant_id, ended.tenant_id} == {red_fleet.team.tenant.pk}


def test_it_ends_by_itself_after_thirty_minutes(admin_client: Client, customer: User, staff: User):
    start(admin_client, customer)
    until = admin_client.session["impersonation_until"]
    assert 0 < until - timezone.now().timestamp() <= 30 * 60

    pass_time(admin_client, minutes=29, seconds=50)
    assert admin_client.get("/").status_code == 200
    assert who(admin_client) == customer.pk

    pass_time(admin_client, seconds=11)
    response = admin_client.get("/")

    assert (response.status_code, response.url) == (302, "/admin/")
    assert who(admin_client) == staff.pk
    assert events("impersonation.ended")[0].detail["cause"] == "time"
    assert events("impersonation.ended")[0].impersonator_id == staff.pk


def test_what_is_sent_after_the_end_is_not_done(
    admin_client: Client, customer: User, red_fleet: Fleet
):
    start(admin_client, customer)
    pass_time(admin_client, minutes=31)

    admin_client.post(
        reverse("admin:devices_site_change", args=[red_fleet.site.pk]),
        {"name": "renamed", "timezone": "UTC", "currency": "EUR", "address": ""},
    )

    with red_fleet.team.scope():
        red_fleet.site.refresh_from_db()
    assert red_fleet.site.name == "red-site"


def test_the_api_is_told_by_its_status(admin_client: Client, customer: User):
    start(admin_client, customer)
    pass_time(admin_client, minutes=31)

    assert admin_client.get("/api/v1/devices").status_code == 401


@pytest.mark.parametrize(
    "change", [{"is_staff": False}, {"is_active": False}, {"token_version": 9}]
)
def test_it_ends_with_the_right_to_it(change, admin_client: Client, customer: User, staff: User):
    start(admin_client, customer)
    User.objects.filter(pk=staff.pk).update(**change)

    response = admin_client.get("/")

    assert response.url == "/accounts/login/"
    assert who(admin_client) is None
    assert events("impersonation.ended")[0].detail["cause"] == "rights"


def test_signing_out_ends_it(admin_client: Client, customer: User):
    start(admin_client, customer)

    admin_client.post("/accounts/logout/")

    assert who(admin_client) is None
    assert events("impersonation.ended")[0].detail["cause"] == "sign_out"


@pytest.mark.parametrize(
    "target", [{"is_staff": True}, {"is_superuser": True}, {"is_active": False}]
)
def test_staff_and_disabled_people_are_never_acted_as(target, admin_client: Client, staff: User):
    user = UserFactory(**target)

    response = admin_client.post(start_url(user), {"user_pk": str(user.pk), "reason": REASON})

    assert response.status_code == 403
    assert who(admin_client) == staff.pk
    assert not may_impersonate(hijacker=staff, hijacked=user)


def test_the_target_of_the_form_is_the_one_of_the_address(
    admin_client: Client, customer: User, staff: User
):
    other = UserFactory(is_staff=True, is_superuser=True)

    response = admin_client.post(start_url(customer), {"user_pk": str(other.pk), "reason": REASON})

    assert response.status_code == 400
    assert who(admin_client) == staff.pk


def test_staff_need_the_permission(sudo_client_for, customer: User):
    helper = UserFactory(is_staff=True)
    form = {"user_pk": str(customer.pk), "reason": REASON}
    assert sudo_client_for(helper).post(start_url(customer), form).status_code == 403

    kind = ContentType.objects.get_for_model(User)
    permission, _is_new = Permission.objects.get_or_create(
        codename="impersonate", content_type=kind, defaults={"name": "Can act as a customer"}
    )
    helper.user_permissions.add(permission)

    start(sudo_client_for(helper), customer)


def test_a_customer_acts_as_nobody(sudo_client_for, customer: User, stranger: User):
    form = {"user_pk": str(stranger.pk), "reason": REASON}

    assert sudo_client_for(customer).post(start_url(stranger), form).status_code == 403


def test_nobody_acts_as_a_third_person(admin_client: Client, customer: User, stranger: User):
    start(admin_client, customer)

    form = {"user_pk": str(stranger.pk), "reason": REASON}
    assert admin_client.post(start_url(stranger), form).status_code == 403
    assert who(admin_client) == customer.pk


SECRETS = (
    "account_change_password", "account_reauthenticate", "account_email", "mfa_index",
    "mfa_activate_totp", "mfa_view_recovery_codes", "mfa_list_webauthn", "usersessions_list",
    "settings-keys", "admin:accounts_apikey_changelist", "admin:accounts_apikey_add",
    "admin:password_change",
)  # fmt: skip


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("method", ["get", "post"])
def test_secrets_stay_closed(name: str, method: str, admin_client: Client, customer: User):
    try:
        url = reverse(name)
    except NoReverseMatch:
        pytest.skip(f"there is no {name}")
    start(admin_client, customer)

    response = getattr(admin_client, method)(url)

    assert response.status_code == 403
    assert "belong to the person alone" in response.content.decode()


@pytest.mark.parametrize("path", ["/_allauth/browser/v1/account/authenticators", "/accounts/3rd/"])
def test_secrets_stay_closed_whatever_their_names(path: str, admin_client: Client, customer: User):
    start(admin_client, customer)

    assert admin_client.get(path).status_code in {403, 404}


def test_there_is_no_sudo_for_who_acts_as_somebody(
    admin_client: Client, customer: User, red_fleet: Fleet
):
    start(admin_client, customer)
    enter_sudo(admin_client, customer)
    url = reverse("admin:devices_site_delete", args=[red_fleet.site.pk])

    assert admin_client.get(url).status_code == 403
    assert admin_client.post(url, {"post": "yes"}).status_code == 403


def test_ending_needs_a_beginning(admin_client: Client, client: Client):
    assert admin_client.post(reverse("impersonation-end")).status_code == 403
    assert client.post(reverse("impersonation-end")).status_code == 403
    assert admin_client.get(reverse("impersonation-end")).status_code == 405


def test_ending_and_beginning_need_the_csrf_token(sudo_client_for, staff: User, customer: User):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(staff, backend="django.contrib.auth.backends.ModelBackend")
    enter_sudo(strict, staff)
    form = {"user_pk": str(customer.pk), "reason": REASON}

    assert strict.post(start_url(customer), form).status_code == 403
    assert strict.post(reverse("impersonation-end")).status_code == 403


def test_beginning_needs_a_fresh_sign_in(client_for, staff: User, customer: User):
    client = client_for(staff)
    response = client.post(start_url(customer), {"user_pk": str(customer.pk), "reason": REASON})

    assert urlsplit(response.url).path == "/accounts/reauthenticate/"
    assert who(client) == staff.pk

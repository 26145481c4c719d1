"""The explanation agrees with the decision, and names its reason."""

from __future__ import annotations

import datetime as dt
import io

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import Role
from accounts.queries.explain import explain
from accounts.rbac.access import forget_access
from accounts.rbac.registry import CODES
from accounts.tenancy import tenant_scope
from devices.services.shares import SHARE_MODELS, share_with_user
from tests.factories import DeviceFactory, MembershipFactory, TenantFactory


@pytest.fixture
def device(red):
    return DeviceFactory(tenant=red.tenant, name="Main meter")


def lend(red, device, user, *, start=dt.timedelta()):
    now = timezone.now()
    with red.scope():
        share_with_user(
            target=device, email=user.email, codes=["control:device"], valid_from=now + start,
            expires_at=now + dt.timedelta(days=9), shared_by=red.owner, editor_codes=CODES, now=now,
        )  # fmt: skip


def reasons(user, code, device):
    forget_access(user)
    answer = explain(user=user, permission=code, obj=device)
    with tenant_scope(device.tenant_id):
        assert answer.allowed == user.has_perm(code, device)
    return answer, " ".join(step.text for step in answer.steps)


@pytest.mark.parametrize("code", sorted(CODES))
def test_it_always_agrees_with_the_decision(red, blue, staff, stranger, device, code):
    lend(red, device, stranger)

    for user in (red.owner, red.operator, red.viewer, blue.owner, staff, stranger):
        reasons(user, code, device)


def test_a_role(red, device):
    yes, why = reasons(red.operator, "control:device", device)
    no, why_not = reasons(red.viewer, "control:device", device)

    assert yes.allowed
    assert "role “Operator”, which has the permission" in why
    assert not no.allowed
    assert "role “Viewer”, which lacks the permission" in why_not


def test_a_role_of_ones_own(red, device):
    with red.scope():
        role = Role.objects.create(tenant=red.tenant, name="Night shift", codes=["control:device"])
    user = MembershipFactory(tenant=red.tenant, role="", custom_role=role).user

    assert "Night shift" in reasons(user, "control:device", device)[1]


def test_a_reseller_above(red, device):
    reseller = TenantFactory(is_reseller=True, name="Partner")
    red.tenant.parent = reseller
    red.tenant.save()
    boss = MembershipFactory(tenant=reseller, role="admin").user
    clerk = MembershipFactory(tenant=reseller, role="viewer").user

    assert "Manages Red Energy through Partner" in reasons(boss, "read:device", device)[1]
    assert "does not manage customers" in reasons(clerk, "read:device", device)[1]


def test_a_share_now_later_and_before(red, stranger, device):
    lend(red, device, stranger)
    yes, why = reasons(stranger, "control:device", device)
    with red.scope():
        model = SHARE_MODELS["device-user"]
        now = timezone.now()
        day = dt.timedelta(days=1)
        model.objects.update(valid_from=now + day, expires_at=now + 2 * day)
        _no, later = reasons(stranger, "control:device", device)
        model.objects.update(valid_from=now - 2 * day, expires_at=now - day)
        _no, before = reasons(stranger, "control:device", device)

    assert yes.allowed
    assert "is shared with them" in why
    assert "has not begun" in later
    assert "has ended" in before


def test_disabled_suspended_and_no_second_factor(red, device):
    red.tenant.requires_mfa = True
    red.tenant.save()
    assert "second factor" in reasons(red.viewer, "read:device", device)[1]

    red.tenant.is_active = False
    red.tenant.save()
    assert "suspended" in reasons(red.viewer, "read:device", device)[1]

    red.viewer.is_active = False
    red.viewer.save()
    assert "disabled" in reasons(red.viewer, "read:device", device)[1]


def test_the_command_prints_the_chain(red, device):
    out = io.StringIO()
    call_command(
        "rbac_explain",
        red.viewer.email,
        "control:device",
        f"devices.Device:{device.id}",
        stdout=out,
    )

    assert out.getvalue().splitlines() == [
        "NOT ALLOWED: control:device",
        "  - Member of Red Energy with the role “Viewer”, which lacks the permission.",
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        ("nobody@example.com", "read:device", "devices.Device:x"),
        ("viewer@red.example", "fly:device", "--tenant=red"),
        ("viewer@red.example", "read:device", "no.Such:1"),
        ("viewer@red.example", "read:device", "devices.Device:not-a-uuid"),
        ("viewer@red.example", "read:device"),
    ],
)
def test_the_command_refuses_nonsense(red, arguments):
    with pytest.raises(CommandError):
        call_command("rbac_explain", *arguments)


def test_the_page_answers_about_members_and_guests(red, stranger, device, client_for):
    lend(red, device, stranger)
    browser = client_for(red.owner)

    def ask(person, thing="Main meter"):
        query = {"person": person, "permission": "control:device", "object": thing}
        return browser.get("/settings/why", query).content.decode()

    assert "which lacks the permission" in ask(red.viewer.email)
    assert "is shared with them" in ask(stranger.email)
    assert "no device or site of this name" in ask(red.viewer.email, "Nothing")


def test_the_page_tells_nothing_about_strangers(red, blue, staff, client_for):
    browser = client_for(red.owner)
    answers = set()
    for person in (blue.owner.email, staff.email, "nobody@example.com"):
        query = {"person": person, "permission": "read:device"}
        page = browser.get("/settings/why", query)
        answers.add(tuple(step.text for step in page.context["answer"].steps))

    assert answers == {("Not a member of Red Energy.",)}

"""Members: who changes whom, and the last administrator."""

from __future__ import annotations

import threading
from contextlib import suppress

import pytest
from django.db import connection

from accounts.models import Membership, Role, SystemRole
from accounts.queries.roles import RoleChoice
from accounts.rbac.registry import CODES, SYSTEM_ROLES
from accounts.services.members import change_role, leave, remove_member
from accounts.services.refusals import LastAdministrator, MemberAbove, NoMember, RoleTooStrong
from tests.factories import MembershipFactory

HR = SYSTEM_ROLES["operator"] | {"read:member", "write:member", "delete:member"}


def member(team, user):
    return Membership.objects.get(tenant=team.tenant, user=user)


def give(team, user, role, now, *, codes=CODES):
    with team.scope():
        return change_role(
            membership_id=member(team, user).id,
            tenant_id=team.tenant.id,
            choice=RoleChoice(role) if isinstance(role, str) else RoleChoice("", role),
            editor_codes=codes,
            now=now,
        )


def remove(team, user, now, *, codes=CODES):
    with team.scope():
        remove_member(
            membership_id=member(team, user).id,
            tenant_id=team.tenant.id,
            editor_codes=codes,
            now=now,
        )


def test_a_changed_role_counts_and_ends_sign_ins(red, now, client_for):
    browser = client_for(red.viewer)
    before = red.viewer.token_version

    give(red, red.viewer, "operator", now)

    red.viewer.refresh_from_db()
    assert member(red, red.viewer).codes == SYSTEM_ROLES["operator"]
    assert red.viewer.token_version > before
    assert browser.get("/").status_code == 302


def test_the_same_role_changes_nothing(red, now):
    before = red.viewer.token_version

    give(red, red.viewer, "viewer", now)

    red.viewer.refresh_from_db()
    assert red.viewer.token_version == before


def test_the_last_administrator_stays(red, now):
    with pytest.raises(LastAdministrator):
        give(red, red.owner, "viewer", now)
    with pytest.raises(LastAdministrator):
        remove(red, red.owner, now)
    with red.scope(), pytest.raises(LastAdministrator):
        leave(user=red.owner, tenant_id=red.tenant.id, now=now)

    assert member(red, red.owner).role == SystemRole.ADMIN


def test_an_administrator_who_cannot_sign_in_does_not_count(red, now):
    MembershipFactory(tenant=red.tenant, role=SystemRole.ADMIN, user__is_active=False)

    with pytest.raises(LastAdministrator):
        remove(red, red.owner, now)


def test_with_two_administrators_one_may_go(red, now):
    MembershipFactory(tenant=red.tenant, role=SystemRole.ADMIN)

    with red.scope():
        leave(user=red.owner, tenant_id=red.tenant.id, now=now)

    assert not Membership.objects.filter(tenant=red.tenant, user=red.owner).exists()


@pytest.mark.django_db(transaction=True)
def test_two_administrators_who_leave_at_once_do_not_both_succeed(red, now):
    second = MembershipFactory(tenant=red.tenant, role=SystemRole.ADMIN).user
    start = threading.Barrier(2)

    def go(user):
        start.wait()
        with red.scope(), suppress(LastAdministrator):
            leave(user=user, tenant_id=red.tenant.id, now=now)
        connection.close()

    threads = [threading.Thread(target=go, args=(user,)) for user in (red.owner, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert Membership.objects.filter(tenant=red.tenant, role=SystemRole.ADMIN).count() == 1


def test_nobody_gives_what_they_do_not_have(red, now):
    with pytest.raises(RoleTooStrong):
        give(red, red.viewer, "admin", now, codes=HR)


def test_nobody_raises_themselves(red, now, client_for):
    with red.scope():
        role = Role.objects.create(tenant=red.tenant, name="HR", codes=sorted(HR))
    person = MembershipFactory(tenant=red.tenant, role="", custom_role=role)

    client_for(person.user).post(f"/settings/people/{person.id}/role", {"role": "admin"})

    person.refresh_from_db()
    assert person.custom_role == role


def test_nobody_changes_or_removes_who_stands_above_them(red, now):
    MembershipFactory(tenant=red.tenant, role=SystemRole.ADMIN)

    with pytest.raises(MemberAbove):
        give(red, red.owner, "viewer", now, codes=HR)
    with pytest.raises(MemberAbove):
        remove(red, red.owner, now, codes=HR)


def test_another_tenants_member_is_nobody(red, blue, now, client_for):
    theirs = member(blue, blue.viewer)

    with red.scope(), pytest.raises(NoMember):
        remove_member(membership_id=theirs.id, tenant_id=red.tenant.id, editor_codes=CODES, now=now)
    browser = client_for(red.owner)
    assert browser.post(f"/settings/people/{theirs.id}/remove").status_code == 404
    role = {"role": "admin"}
    assert browser.post(f"/settings/people/{theirs.id}/role", role).status_code == 404


def test_another_tenants_role_cannot_be_given(red, blue, client_for):
    with blue.scope():
        role = Role.objects.create(tenant=blue.tenant, name="Theirs", codes=["read:site"])
    target = member(red, red.viewer)

    answer = client_for(red.owner).post(
        f"/settings/people/{target.id}/role", {"role": str(role.id)}, follow=True
    )

    assert "There is no such role." in answer.content.decode()
    target.refresh_from_db()
    assert target.role == SystemRole.VIEWER


def test_who_is_removed_is_out_at_once(red, now, client_for):
    browser = client_for(red.viewer)
    assert browser.get("/").status_code == 200

    remove(red, red.viewer, now)

    assert browser.get("/").status_code == 302


def test_the_page_shows_members_to_those_who_may_see_them(red, blue, client_for):
    page = client_for(red.owner).get("/settings/people").content.decode()

    assert red.viewer.email in page
    assert blue.viewer.email not in page
    assert client_for(red.viewer).get("/settings/people").status_code == 403


def test_a_viewer_can_leave_by_the_menu(red, client_for):
    browser = client_for(red.viewer)

    assert "/settings/leave" in browser.get("/").content.decode()
    browser.post("/settings/leave")

    assert not Membership.objects.filter(user=red.viewer).exists()

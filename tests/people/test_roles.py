"""Roles that tenants make."""

from __future__ import annotations

import pytest

from accounts.models import Membership, Role
from accounts.queries.roles import permission_groups, role_columns
from accounts.rbac.registry import CODES, SYSTEM_ROLES
from accounts.services.refusals import RoleInUse, RoleNameTaken, RoleTooStrong, UnknownCodes
from accounts.services.roles import change_role_codes, create_role, delete_role
from tests.factories import MembershipFactory


def make(team, now, *, name="Agronomist", codes=("read:site",), editor=CODES):
    with team.scope():
        return create_role(
            tenant_id=team.tenant.id, name=name, codes=codes, editor_codes=editor, now=now
        )


def change(team, role, codes, now, *, editor=CODES, name="Agronomist"):
    with team.scope():
        return change_role_codes(
            role_id=role.id, name=name, codes=codes, editor_codes=editor, now=now
        )


def test_the_matrix_has_all_56_permissions_once():
    groups = permission_groups([CODES])

    codes = [line.code for group in groups for line in group.lines]
    assert len(codes) == len(set(codes)) == 56
    assert set(codes) == CODES


def test_the_matrix_has_the_three_system_roles_and_the_tenants_own(red, blue, now):
    role = make(red, now)
    make(blue, now, name="Other")
    MembershipFactory(tenant=red.tenant, role="", custom_role=role)

    with red.scope():
        columns = role_columns(red.tenant.id)

    assert [(c.choice.name, len(c.codes), c.members) for c in columns] == [
        ("Administrator", 56, 1),
        ("Operator", 26, 1),
        ("Viewer", 14, 1),
        ("Agronomist", 1, 1),
    ]


def test_a_role_is_a_subset_of_what_its_maker_has(red, now):
    with pytest.raises(RoleTooStrong):
        make(red, now, codes=["delete:site"], editor=SYSTEM_ROLES["operator"])
    with pytest.raises(UnknownCodes):
        make(red, now, codes=["read:everything"])


def test_a_stronger_role_is_not_for_weaker_people_to_change(red, now):
    role = make(red, now, codes=["delete:site"])
    weak = SYSTEM_ROLES["operator"] | {"write:role", "delete:role"}

    with pytest.raises(RoleTooStrong):
        change(red, role, ["read:site"], now, editor=weak)
    with red.scope(), pytest.raises(RoleTooStrong):
        delete_role(role_id=role.id, editor_codes=weak, now=now)


@pytest.mark.parametrize("name", ["Agronomist", "Viewer", "ADMIN"])
def test_a_name_is_used_once(red, now, name):
    make(red, now)

    with pytest.raises(RoleNameTaken):
        make(red, now, name=name)


def test_the_same_name_in_another_tenant_is_no_secret_to_find_out(red, blue, now):
    make(blue, now)

    assert make(red, now).name == "Agronomist"


def test_who_loses_a_permission_signs_in_again(red, now):
    role = make(red, now, codes=["read:site", "read:device"])
    user = MembershipFactory(tenant=red.tenant, role="", custom_role=role).user

    change(red, role, ["read:site", "read:device", "read:alarm"], now)
    user.refresh_from_db()
    after_more = user.token_version
    change(red, role, ["read:site"], now)
    user.refresh_from_db()

    assert after_more == 1
    assert user.token_version == 2
    assert Membership.objects.get(user=user).codes == {"read:site"}


def test_a_role_in_use_stays(red, now):
    role = make(red, now)
    MembershipFactory(tenant=red.tenant, role="", custom_role=role)

    with red.scope(), pytest.raises(RoleInUse):
        delete_role(role_id=role.id, editor_codes=CODES, now=now)


def test_an_unused_role_goes(red, now, client_for):
    role = make(red, now)

    client_for(red.owner).post(f"/settings/roles/{role.id}/delete")

    with red.scope():
        assert not Role.objects.exists()


def test_the_pages_make_and_change_roles(red, client_for):
    browser = client_for(red.owner)

    browser.post("/settings/roles/new", {"name": "Agronomist", "codes": ["read:site"]})
    with red.scope():
        role = Role.objects.get()
    page = browser.get(f"/settings/roles/{role.id}").content.decode()
    browser.post(f"/settings/roles/{role.id}", {"name": "Farmer", "codes": ["read:alarm"]})

    assert 'value="read:site" checked' in page
    role.refresh_from_db()
    assert (role.name, role.codes) == ("Farmer", ["read:alarm"])
    assert "Farmer" in browser.get("/settings/roles").content.decode()


def test_a_forged_code_is_refused(red, client_for):
    answer = client_for(red.owner).post(
        "/settings/roles/new", {"name": "X", "codes": ["own:everything"]}
    )

    assert answer.status_code == 400
    with red.scope():
        assert not Role.objects.exists()


def test_another_tenants_role_does_not_exist(red, blue, now, client_for):
    role = make(blue, now)
    browser = client_for(red.owner)

    assert browser.get(f"/settings/roles/{role.id}").status_code == 404
    assert browser.post(f"/settings/roles/{role.id}", {"name": "Mine"}).status_code == 404
    assert browser.post(f"/settings/roles/{role.id}/delete").status_code == 404

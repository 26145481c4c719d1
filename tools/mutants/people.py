"""What services refuse: members, roles, invitations, resellers, deletion."""

from __future__ import annotations

from tools.mutants.mutant import cut, cut_all

MEMBERS = "accounts/services/members.py"
ROLES = "accounts/services/roles.py"
INVITES = "accounts/services/invitations.py"
T_MEMBERS = "tests/people/test_members.py"
T_ROLES = "tests/people/test_roles.py"
T_INVITES = "tests/people/test_invitations.py"
WALLS = "tests/isolation/test_services.py"

MUTANTS = (
    cut(
        "people.member-tenant", MEMBERS, "filter(id=membership_id, tenant_id=tenant_id)",
        "filter(id=membership_id)",
        removes="the tenant of a member that is changed or removed",
        tests=f"{T_MEMBERS}::test_another_tenants_member_is_nobody",
    ),
    cut(
        "people.role-subset", MEMBERS, "    if not choice.codes <= editor_codes:\n",
        "    if False:\n",
        removes="that nobody gives a role above their own",
        tests=f"{T_MEMBERS}::test_nobody_gives_what_they_do_not_have",
    ),
    cut(
        "people.member-above", MEMBERS, "if not membership.codes <= editor_codes:", "if False:",
        removes="that nobody changes who stands above",
        tests=f"{T_MEMBERS}::test_nobody_changes_or_removes_who_stands_above_them",
    ),
    cut(
        "people.last-administrator", MEMBERS,
        "if membership.role == SystemRole.ADMIN and not other_administrators(membership):",
        "if False:",
        removes="the protection of the last administrator",
        tests=f"{T_MEMBERS}::test_the_last_administrator_stays",
    ),
    cut(
        "people.last-elsewhere", "accounts/queries/people.py",
        "tenant_id=membership.tenant_id, role=SystemRole.ADMIN", "role=SystemRole.ADMIN",
        removes="that another tenant's administrator is no other administrator", tests=WALLS,
    ),
    cut(
        "people.last-disabled", "accounts/queries/people.py",
        "role=SystemRole.ADMIN, user__is_active=True", "role=SystemRole.ADMIN",
        removes="that a disabled administrator is no other administrator",
        tests=f"{T_MEMBERS}::test_an_administrator_who_cannot_sign_in_does_not_count",
    ),
    cut(
        "people.change-ends-sign-ins", MEMBERS,
        "    end_sign_ins(user=membership.user, now=now)\n    return membership",
        "    return membership",
        removes="the end of sign-ins when a role changes",
        tests=f"{T_MEMBERS}::test_a_changed_role_counts_and_ends_sign_ins",
    ),
    cut(
        "people.inviter-gone", MEMBERS,
        "    _revoke_invitations_by(membership, now)\n    record_event(\n        action=action,",
        "    record_event(\n        action=action,",
        removes="the end of what somebody who goes has offered",
        tests=f"{T_INVITES}::test_who_goes_takes_their_invitations_along",
    ),
    cut(
        "people.codes-subset", ROLES, "    if not wanted <= editor_codes:", "    if False:",
        removes="that a role is a subset of its maker's permissions",
        tests=f"{T_ROLES}::test_a_role_is_a_subset_of_what_its_maker_has",
    ),
    cut(
        "people.stronger-role", ROLES, "    if not before <= editor_codes:", "    if False:",
        removes="that a stronger role is not changed by weaker people",
        tests=f"{T_ROLES}::test_a_stronger_role_is_not_for_weaker_people_to_change",
    ),
    cut(
        "people.delete-stronger-role", ROLES,
        "    if not frozenset(role.codes) & CODES <= editor_codes:", "    if False:",
        removes="that a stronger role is not deleted by weaker people",
        tests=f"{T_ROLES}::test_a_stronger_role_is_not_for_weaker_people_to_change",
    ),
    cut(
        "people.invite-subset", INVITES, "    if not choice.codes <= editor_codes:",
        "    if False:",
        removes="that nobody offers a role above their own",
        tests=f"{T_INVITES}::test_nobody_offers_more_than_they_may",
    ),
    cut(
        "people.resend-subset", INVITES, "if not choice_of(invitation).codes <= editor_codes:",
        "if False:",
        removes="that nobody sends an offer above their own role again", tests=WALLS,
    ),
    cut(
        "people.invited-address", INVITES,
        "    if invitation.email.lower() != user.email.lower():", "    if False:",
        removes="that an invitation is for its address only (service)", tests=WALLS,
    ),
    cut(
        "people.has-account", INVITES,
        "if user is not None and not is_unclaimed(user):\n            raise",
        "if False:\n            raise",
        removes="that a link sets no password of an account in use (service)", tests=WALLS,
    ),
    cut_all(
        "people.used-link",
        (INVITES, "token_hash=hash_token(token),\n                accepted_at__isnull=True,",
         "token_hash=hash_token(token),"),
        (INVITES, "token_hash=hash_token(token),\n            accepted_at__isnull=True,",
         "token_hash=hash_token(token),"),
        removes="that a link works once, at reading and at accepting",
        tests=f"{T_INVITES}::test_a_link_works_once",
    ),
    cut(
        "people.dead-link", INVITES, "                expires_at__gt=now,\n", "",
        removes="the end of a link",
        tests=f"{T_INVITES}::test_every_dead_link_gives_the_same_answer",
    ),
    cut(
        "people.reseller-tree", "accounts/services/tenants.py", "if not parent.is_reseller:",
        "if False:",
        removes="that only resellers stand above others",
        tests="tests/people/test_tenants.py::test_only_a_reseller_stands_above",
    ),
    cut(
        "people.deletion-name", "accounts/services/tenants.py",
        "if confirmed_name != tenant.name:", "if False:",
        removes="the name that confirms a deletion",
        tests="tests/people/test_deletion.py::test_the_full_name_confirms",
    ),
    cut(
        "people.deletion-people", "accounts/services/erasure.py",
        "        .exclude(Exists(elsewhere))\n", "",
        removes="that people of other tenants keep their accounts",
        tests="tests/people/test_deletion.py::test_others_lose_nothing",
    ),
    cut(
        "people.deletion-samples", "telemetry/erasure.py", "    with tenant_scope(tenant_id):",
        "    from accounts.tenancy import all_tenants\n\n    with all_tenants():",
        removes="the tenant whose samples are deleted", tests=WALLS,
    ),
)  # fmt: skip

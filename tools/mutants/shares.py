"""What is shared with people and organisations outside."""

from __future__ import annotations

from tools.mutants.mutant import cut, cut_all

SHARING = "devices/sharing.py"
SERVICE = "devices/services/shares.py"
TESTS = "tests/people/test_shares.py"
WALLS = "tests/isolation/test_walls.py"
STRONG = f"{TESTS}::test_only_listed_permissions_that_the_sharer_has"

MUTANTS = (
    cut(
        "shares.end", SHARING, "expires_at__gt=now, tenant__is_active=True",
        "tenant__is_active=True",
        removes="the end of a share", tests=f"{TESTS}::test_at_another_time_nothing_is_shared",
    ),
    cut(
        "shares.start", SHARING, "valid_from__lte=now, expires_at__gt=now", "expires_at__gt=now",
        removes="the start of a share", tests=f"{TESTS}::test_at_another_time_nothing_is_shared",
    ),
    cut(
        "shares.person", SHARING, "return valid & Q(user_id=user.pk)", "return valid",
        removes="the person of a share", tests=WALLS,
    ),
    cut(
        "shares.grantees-role", SHARING,
        "Q(grantee_id=tenant_id, permission__codename__in=grants[tenant_id].codes)",
        "Q(grantee_id=tenant_id)",
        removes="that a role limits what an organisation's share gives",
        tests=f"{TESTS}::test_a_role_limits_what_an_organisations_share_gives",
    ),
    cut(
        "shares.grantees-resellers", SHARING,
        "for tenant_id, grant in grants.items() if grant.is_direct}", "for tenant_id in grants}",
        removes="that a reseller has no part in its customers' shares", tests=WALLS,
    ),
    cut(
        "shares.object", SHARING,
        "permission__codename=code, content_object_id=object_id\n        ).exists()",
        "permission__codename=code\n        ).exists()",
        removes="the object of a share in has_perm()", tests=WALLS,
    ),
    cut(
        "shares.permission", SHARING,
        "_granted_to(user, model), permission__codename=code, content",
        "_granted_to(user, model), content",
        removes="the permission of a share in has_perm()", tests=WALLS,
    ),
    cut(
        "shares.shareable", SHARING,
        "if code not in SHAREABLE or tenant_id is None or not _can_be_guest(user_obj):",
        "if tenant_id is None:",
        removes="that disabled people have no shares", tests=WALLS,
    ),
    cut_all(
        "shares.suspended",
        (SHARING, ", tenant__is_active=True)", ")"),
        (SHARING, "filter(id__in=ids, is_active=True)", "filter(id__in=ids)"),
        removes="both ends of a suspended tenant's shares", tests=WALLS,
    ),
    cut(
        "shares.codes", SERVICE, "if not set(codes) <= set(possible):", "if False:",
        removes="that only some permissions may be shared", tests=STRONG,
    ),
    cut(
        "shares.subset", SERVICE, "if not granted <= editor_codes:", "if False:",
        removes="that nobody shares more than they have", tests=STRONG,
    ),
    cut(
        "shares.longest", SERVICE,
        "if not max(valid_from, now) < expires_at <= now + LONGEST:", "if False:",
        removes="that a share ends within a year",
        tests=f"{TESTS}::test_a_share_has_an_end_within_a_year",
    ),
)  # fmt: skip

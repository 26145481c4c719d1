"""What a role gives, and where."""

from __future__ import annotations

from tools.mutants.mutant import cut

ACCESS = "accounts/rbac/access.py"
BACKEND = "accounts/rbac/backend.py"
SCOPE = "accounts/rbac/scope.py"
MATRIX = "tests/isolation/test_matrix.py"
WALLS = "tests/isolation/test_walls.py"
MEMBERS = f"{MATRIX}::test_reading[api/v1/members]"
PEOPLE = f"{MATRIX}::test_reading[settings/people]"

MUTANTS = (
    cut(
        "rbac.membership", ACCESS, "filter(user_id=user.pk, tenant__is_active=True)",
        "filter(tenant__is_active=True)",
        removes="whose memberships give a person rights", tests=MEMBERS,
    ),
    cut(
        "rbac.suspended", ACCESS, "user_id=user.pk, tenant__is_active=True", "user_id=user.pk",
        removes="the end of rights in a suspended tenant",
        tests="tests/isolation/test_strangers.py"
        "::test_a_removed_member_and_an_inactive_tenant_are_out_at_once",
    ),
    cut(
        "rbac.manage-customers", ACCESS, " and MANAGE_CUSTOMERS in m.codes]", "]",
        removes="the permission that reaches a reseller's customers", tests=WALLS,
    ),
    cut(
        "rbac.reseller", ACCESS, "if m.tenant.is_reseller and MANAGE", "if MANAGE",
        removes="that only resellers reach tenants below them", tests=WALLS,
    ),
    cut(
        "rbac.suspended-customer", ACCESS, "parent__in=list(above), is_active=True",
        "parent__in=list(above)",
        removes="the end of a reseller's rights in a suspended customer", tests=WALLS,
    ),
    cut(
        "rbac.own-role-first", ACCESS,
        "access.grants.setdefault(tenant.id, Grant(tenant, via.codes, via))",
        "access.grants[tenant.id] = Grant(tenant, via.codes, via)",
        removes="that one's own weaker role in a customer counts", tests=WALLS,
    ),
    cut(
        "rbac.tenant-of-object", BACKEND,
        "current_tenant_id() if obj is None else tenant_of(obj)", "current_tenant_id()",
        removes="that the tenant of the object judges", tests=WALLS,
    ),
    cut(
        "rbac.one-tenant", BACKEND, "return code in access_of(user_obj).codes_in(tenant_id)",
        "return any(code in g.codes for g in access_of(user_obj).grants.values())",
        removes="that a right is of one tenant", tests=WALLS,
    ),
    cut(
        "rbac.inactive", BACKEND, "if code is None or not user_obj.is_active or",
        "if code is None or",
        removes="that disabled people have no permission", tests=WALLS,
    ),
    cut(
        "rbac.scope-rows", SCOPE, "if has_in_tenant(user, code):", "if True:",
        removes="the limit of scope() to permitted rows", tests=WALLS,
    ),
    cut(
        "rbac.scope-nothing", SCOPE, "if conditions else rows.none()", "if conditions else rows",
        removes="the emptiness of scope() without right and share", tests=WALLS,
    ),
    cut(
        "rbac.scope-key", SCOPE, "code in codes and user.tenant_id == current_tenant_id()",
        "code in codes",
        removes="the tenant of a key in scope()", tests=WALLS,
    ),
    cut(
        "rbac.scope-inactive", SCOPE, "    if not user.is_active:\n        return False\n", "",
        removes="that scope() gives disabled people nothing", tests=WALLS,
    ),
    cut(
        "rbac.page", "accounts/pages/access.py", "if code not in acting.codes:", "if False:",
        removes="the permission check of every page", tests=PEOPLE,
    ),
    cut(
        "rbac.page-sign-in", "accounts/pages/access.py", "        @login_required\n", "",
        removes="the sign-in of every page", tests=PEOPLE,
    ),
    cut(
        "rbac.endpoint", "accounts/permissions.py", "return code in acting.codes", "return True",
        removes="the permission check of every endpoint", tests=MEMBERS,
    ),
    cut(
        "rbac.endpoint-guests", "accounts/permissions.py",
        "return code is not None and getattr(view, \"is_open_to_guests\", False)",
        "return code is not None",
        removes="the refusal of guests where nothing is shared", tests=MEMBERS,
    ),
    cut(
        "rbac.endpoint-default", "energy/settings_api.py",
        "\"accounts.permissions.HasPermission\"", "\"rest_framework.permissions.AllowAny\"",
        removes="the permission class of every endpoint", tests=MEMBERS,
    ),
    cut(
        "rbac.home", "reports/views.py",
        "if not (_is_guest(request) or acting.codes >= READING):", "if False:",
        removes="the permission check of the dashboards", tests=f"{MATRIX}::test_reading[home]",
    ),
)  # fmt: skip

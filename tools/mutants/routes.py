"""What single pages and endpoints ask for."""

from __future__ import annotations

from tools.mutants.mutant import Mutant, cut, cut_all

NEEDS = "tests/isolation/test_permissions.py::test_every_route_asks_for_the_permission_it_should"
SUDO = "tests/people/test_sudo.py"
SESSIONS = "tests/signin/test_sessions.py"
MATRIX = "tests/isolation/test_matrix.py"


def page(name: str, path: str, view: str, code: str, weaker: str) -> Mutant:
    """Return the mutant of a page that asks for less."""
    return cut(
        f"routes.{name}", path, f'@requires("{code}")\n{view}', f'@requires("{weaker}")\n{view}',
        removes=f"`{code}` for the page `{name}` (asks for `{weaker}`)", tests=NEEDS,
    )  # fmt: skip


def endpoint(name: str, path: str, old: str, new: str, code: str) -> Mutant:
    """Return the mutant of an endpoint that asks for less."""
    return cut(f"routes.{name}", path, old, new, removes=f"`{code}` of {name}", tests=NEEDS)


MUTANTS = (
    page("invite", "accounts/pages/people.py", "def invite_person", "write:member", "read:member"),
    page("member-role", "accounts/pages/people.py", "def member_role", "write:member",
         "read:member"),
    page("member-remove", "accounts/pages/people.py", "def member_remove", "delete:member",
         "read:member"),
    page("role-edit", "accounts/pages/roles.py", "def role_edit", "write:role", "read:member"),
    page("role-delete", "accounts/pages/roles.py", "def role_delete", "delete:role", "read:member"),
    page("keys", "accounts/pages/keys.py", "def keys", "read:key", "read:member"),
    page("key-revoke", "accounts/pages/keys.py", "def key_revoke", "delete:key", "read:key"),
    page("audit", "accounts/pages/audit.py", "def audit", "read:audit", "read:member"),
    page("share-new", "devices/pages/shares.py", "def share_new", "write:share", "read:device"),
    endpoint("members", "accounts/api/people.py", "\"PATCH\": \"write:member\"",
             "\"PATCH\": \"read:member\"", "PATCH write:member"),
    endpoint("members-delete", "accounts/api/people.py", "\"DELETE\": \"delete:member\"",
             "\"DELETE\": \"write:member\"", "DELETE delete:member"),
    endpoint("roles", "accounts/api/roles.py", "\"PATCH\": \"write:role\"",
             "\"PATCH\": \"read:member\"", "PATCH write:role"),
    endpoint("keys-list", "accounts/api/keys.py", "\"POST\": \"write:key\"}",
             "\"POST\": \"read:key\"}", "POST write:key"),
    endpoint("audit-list", "accounts/api/audit.py", "permission = \"read:audit\"",
             "permission = \"read:member\"", "read:audit"),
    endpoint("shares-detail", "devices/api_shares.py",
             "\"\"\"One share.\"\"\"\n\n    permission = \"write:share\"",
             "\"\"\"One share.\"\"\"\n\n    permission = \"read:device\"", "write:share"),
    endpoint("query", "telemetry/api.py",
             "columns.\"\"\"\n\n    permission = \"read:telemetry\"",
             "columns.\"\"\"\n\n    permission = \"read:device\"", "read:telemetry"),
    endpoint("live-ticket", "telemetry/live/api.py",
             "open a WebSocket.\"\"\"\n\n    permission = \"read:telemetry\"",
             "open a WebSocket.\"\"\"\n\n    permission = \"read:device\"", "read:telemetry"),
    endpoint("live-stream", "telemetry/live/api.py",
             "without WebSockets.\"\"\"\n\n    permission = \"read:telemetry\"",
             "without WebSockets.\"\"\"\n\n    permission = \"read:device\"", "read:telemetry"),
    endpoint("certificates", "devices/api_certificates.py", "\"POST\": \"provision:device\"",
             "\"POST\": \"read:device\"", "POST provision:device"),
    endpoint("provisioning", "devices/api_provisioning.py",
             "permission: str | dict[str, str] = \"provision:device\"",
             "permission: str | dict[str, str] = \"read:device\"", "provision:device"),
    endpoint("configuration", "devices/api_configuration.py", "\"PUT\": \"write:device\"",
             "\"PUT\": \"read:device\"", "PUT write:device"),
    cut(
        "routes.role-sudo", "accounts/pages/people.py",
        "ask_for_sudo(request, then=_list_url(request)) if", "None if",
        removes="sudo mode before somebody becomes an administrator (page)", tests=SUDO,
    ),
    cut(
        "routes.api-sudo", "accounts/api/write.py",
        "not may_go_on(request, session_key=session_key_of(request), now=self.now)", "False",
        removes="sudo mode in the API", tests=SUDO,
    ),
    cut(
        "routes.own-session", "accounts/services/sessions.py",
        "UserSession.objects.filter(user_id=user.pk, pk=sign_in_id)",
        "UserSession.objects.filter(pk=sign_in_id)",
        removes="that nobody ends another person's sign-in", tests=SESSIONS,
    ),
    cut_all(
        "routes.own-sessions",
        ("accounts/queries/sessions.py", "UserSession.objects.filter(user_id=user.pk)",
         "UserSession.objects.all()"),
        ("accounts/queries/sessions.py", "if constant_time_compare(",
         "if True or constant_time_compare("),
        removes="both conditions for whose sign-ins are listed: person and hash",
        tests="tests/signin/test_walls.py",
    ),
    cut(
        "routes.key-sudo", "accounts/pages/keys.py",
        "@requires_sudo\n@never_cache\n@sensitive_variables(\"new\")\ndef key_new",
        "@never_cache\n@sensitive_variables(\"new\")\ndef key_new",
        removes="sudo mode before a key is made",
        tests="tests/keys/test_pages.py::test_making_a_key_asks_for_the_password_again",
    ),
    cut(
        "routes.audit-tenant", "accounts/queries/audit.py",
        "named(AuditEvent.objects.filter(tenant_id=tenant_id), for_staff=tenant_id is None)",
        "named(AuditEvent.objects.all(), for_staff=tenant_id is None)",
        removes="the tenant of the events that are listed",
        tests=f"{MATRIX}::test_reading[api/v1/audit]",
    ),
    cut(
        "routes.audit-actions", "accounts/queries/audit.py",
        "events = AuditEvent.objects.filter(tenant_id=tenant_id)\n    return list(",
        "events = AuditEvent.objects.all()\n    return list(",
        removes="the tenant of the actions that the audit page offers",
        tests="tests/isolation/test_services.py",
    ),
    cut(
        "routes.members-tenant", "accounts/queries/people.py",
        "Membership.objects.filter(tenant_id=tenant_id)", "Membership.objects.all()",
        removes="the tenant of the members that are listed",
        tests=f"{MATRIX}::test_reading[api/v1/members]",
    ),
    cut(
        "routes.role-counts", "accounts/queries/roles.py",
        "rows = Membership.objects.filter(tenant_id=tenant_id)", "rows = Membership.objects",
        removes="the tenant of the members counted for each role",
        tests="tests/isolation/test_services.py",
    ),
    cut(
        "routes.why-strangers", "accounts/pages/why.py",
        "if user is None or not _is_known(user, acting):", "if user is None:",
        removes="that nobody learns about strangers",
        tests="tests/people/test_explain.py::test_the_page_tells_nothing_about_strangers",
    ),
)  # fmt: skip

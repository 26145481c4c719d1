"""The admin, impersonation and sudo mode."""

from __future__ import annotations

from tools.mutants.mutant import cut, cut_all

SITE = "accounts/admin_site.py"
BASE = "accounts/admin_base.py"
PEOPLE = "accounts/admin_people.py"
T_TENANT = "tests/admin/test_tenant_admin.py"
T_FORGED = "tests/admin/test_forged_posts.py"
T_EDIT = "tests/admin/test_editing.py"
T_LISTS = "tests/admin/test_lists.py"
T_IMPERSONATION = "tests/admin/test_impersonation.py"
T_SUDO = "tests/admin/test_sudo.py"
HIJACK = "accounts/impersonation.py"
HIJACK_SERVICE = "accounts/services/impersonation.py"
SUDO = "accounts/sudo.py"
WALLS = "tests/admin/test_walls.py"

MUTANTS = (
    cut(
        "admin.entry", SITE, "        and ENTRY_CODE in acting.codes\n", "",
        removes="the permission to enter the admin",
        tests=f"{T_LISTS}::test_members_who_manage_nobody_do_not_enter",
    ),
    cut_all(
        "admin.closed-models",
        (SITE, "if not is_open and is_limited(request):", "if False:"),
        (BASE, "return self.is_open_to_tenants or not is_limited(request)", "return True"),
        removes="both gates in front of models that are not for tenants",
        tests=f"{T_TENANT}::test_exactly_these_models_are_open",
    ),
    cut(
        "admin.site-views", SITE,
        "return getattr(view, \"__name__\", \"\") in self.views_for_tenants",
        "return True",
        removes="the limit to views of the site that tell nothing",
        tests=f"{T_TENANT}::test_pages_of_the_site_itself_tell_nothing",
    ),
    cut(
        "admin.members", PEOPLE,
        "return queryset.filter(tenant_id=request.acting.tenant_id)", "return queryset",
        removes="the tenant of the members in the admin",
        tests=f"{T_TENANT}::test_no_page_shows_the_other_tenant",
    ),
    cut(
        "admin.add-member", PEOPLE, "return not is_limited(request) and super().has_add_permission",
        "return super().has_add_permission",
        removes="that tenants invite instead of adding members", tests=WALLS,
    ),
    cut(
        "admin.editor-codes", PEOPLE, "    if not is_limited(request):\n        return CODES",
        "    if True:\n        return CODES",
        removes="that nobody gives more than they have in the admin",
        tests=f"{T_FORGED}::test_nobody_gives_more_than_they_have",
    ),
    cut(
        "admin.make-administrator", PEOPLE,
        "if request.method == \"POST\" and _is_administering(request):", "if False:",
        removes="sudo mode before somebody becomes administrator",
        tests=f"{T_SUDO}::test_making_an_administrator_asks",
    ),
    cut(
        "admin.withdraw", PEOPLE,
        "return bool(request.user.has_perm(\"accounts.change_invitation\"))", "return True",
        removes="the permission to withdraw invitations", tests=WALLS,
    ),
    cut(
        "admin.revoke-keys", "accounts/admin_keys.py",
        "return bool(request.user.has_perm(\"accounts.delete_apikey\"))", "return True",
        removes="the permission to revoke keys", tests=WALLS,
    ),
    cut(
        "admin.audit", "accounts/admin_audit.py",
        "return named(events.filter(tenant_id=tenant_id), ", "return named(events, ",
        removes="the tenant of audit events in the admin",
        tests=f"{T_TENANT}::test_no_page_shows_the_other_tenant",
    ),
    cut_all(
        "admin.own-tenant-of-new",
        (BASE, "        if is_limited(request):\n            return _own_tenant(request)\n", ""),
        ("accounts/rbac/backend.py", "return code in access_of(user_obj).codes_in(tenant_id)",
         "return any(code in g.codes for g in access_of(user_obj).grants.values())"),
        removes="that tenants add to themselves only, and that a right is of one tenant",
        tests=WALLS,
    ),
    cut_all(
        "admin.owner",
        (BASE, "if obj is None or (is_limited(request) and obj.tenant_id != _own_tenant(request)):",
         "if obj is None:"),
        (PEOPLE, "return queryset.filter(tenant_id=request.acting.tenant_id)", "return queryset"),
        removes="both checks of whose member a form is about",
        tests=f"{T_FORGED}::test_a_forged_post_has_no_effect",
    ),
    cut(
        "admin.form-scope", BASE,
        "        with tenant_scope(tenant_id):\n            response = super()",
        "        with all_tenants():\n            response = super()",
        removes="the scope in which staff edit an object",
        tests=f"{T_EDIT}::test_a_forged_relation_to_another_tenant_is_refused",
    ),
    cut(
        "admin.autocomplete", BASE,
        "return queryset.filter(tenant_id=tenant_id) if tenant_id else queryset.none()",
        "return queryset",
        removes="the tenant of the choices that an autocomplete offers",
        tests=(f"{T_EDIT}::test_the_form_offers_the_tenants_rows_only",
               f"{T_EDIT}::test_an_autocomplete_for_no_tenant_offers_nothing"),
    ),
    cut(
        "admin.hidden-filters", BASE, "if lookup.split(LOOKUP_SEP)[0] not in shown:", "if False:",
        removes="the refusal to filter by hidden columns",
        tests=f"{T_FORGED}::test_hidden_columns_are_no_filters",
    ),
    cut(
        "admin.tenant-filter", BASE,
        "return _without_tenant(request, super().get_list_filter(request))",
        "return super().get_list_filter(request)",
        removes="that a list does not name all tenants in its filter",
        tests=f"{T_TENANT}::test_a_list_does_not_offer_tenants",
    ),
    cut(
        "admin.own-acts", "energy/dashboard_tenant.py",
        "return [e for e in entries if (_label(e), e.object_id) in known][:MAX_ACTS]",
        "return entries[:MAX_ACTS]",
        removes="the tenant of the acts on the first page",
        tests=f"{T_TENANT}::test_what_one_did_for_another_tenant_is_not_told_here",
    ),
    cut(
        "admin.raise-staff", "accounts/admin.py", "return own if request.user.is_superuser else",
        "return own if True else",
        removes="that superusers alone make somebody staff",
        tests=f"{T_EDIT}::test_staff_below_superusers_raise_nobody",
    ),
    cut(
        "admin.superusers", "accounts/admin.py",
        "return user is None or not user.is_superuser or bool(request.user.is_superuser)",
        "return True",
        removes="that superusers alone change superusers",
        tests=f"{T_EDIT}::test_staff_below_superusers_raise_nobody",
    ),
    cut(
        "admin.rejected", "telemetry/admin.py",
        "return bool(request.user.has_perm(\"telemetry.change_rejectedmessage\"))", "return True",
        removes="the permission to replay and discard",
        tests="tests/admin/test_rejected.py::test_handling_needs_its_permission",
    ),
    cut(
        "admin.impersonate", HIJACK_SERVICE,
        "return bool(hijacker.is_superuser or hijacker.has_perm(PERMISSION))", "return True",
        removes="the permission to impersonate",
        tests=f"{T_IMPERSONATION}::test_staff_need_the_permission",
    ),
    cut(
        "admin.impersonate-staff", HIJACK_SERVICE,
        " or hijacked.is_staff or hijacked.is_superuser:", ":",
        removes="that nobody acts as staff",
        tests=f"{T_IMPERSONATION}::test_staff_and_disabled_people_are_never_acted_as",
    ),
    cut(
        "admin.impersonator-staff", HIJACK_SERVICE,
        "if not (hijacker.is_active and hijacker.is_staff) or hijacker",
        "if hijacker",
        removes="that staff alone impersonate", tests=WALLS,
    ),
    cut(
        "admin.impersonation-end", HIJACK, "if is_over(request.session, now=now):", "if False:",
        removes="the end of an impersonation",
        tests=f"{T_IMPERSONATION}::test_it_ends_by_itself_after_thirty_minutes",
    ),
    cut(
        "admin.impersonation-right", HIJACK, "if not _has_right(request):", "if False:",
        removes="the end of an impersonation with the right to it",
        tests=f"{T_IMPERSONATION}::test_it_ends_with_the_right_to_it",
    ),
    cut(
        "admin.impersonation-secrets", HIJACK, "and _is_secret(match.view_name, request.path)",
        "and False",
        removes="that secrets stay closed to who impersonates",
        tests=f"{T_IMPERSONATION}::test_secrets_stay_closed",
    ),
    cut(
        "admin.impersonation-nested", HIJACK,
        "    if is_impersonating(request.session):\n        raise PermissionDenied(",
        "    if False:\n        raise PermissionDenied(",
        removes="that nobody acts as a third person", tests=WALLS,
    ),
    cut(
        "admin.sudo-impersonator", SUDO,
        "    if SESSION_IMPERSONATOR in request.session:\n        return refuse_impersonator",
        "    if False:\n        return refuse_impersonator",
        removes="that there is no sudo mode for who impersonates",
        tests=f"{T_IMPERSONATION}::test_there_is_no_sudo_for_who_acts_as_somebody",
    ),
    cut(
        "admin.sudo-time", SUDO, "now.timestamp() - at < SUDO_TIME.total_seconds()",
        "now.timestamp() - at",
        removes="the ten minutes of sudo mode",
        tests=f"{T_SUDO}::test_it_lasts_ten_minutes",
    ),
    cut(
        "admin.sudo-delete", BASE,
        "if self.needs_sudo_to_delete and self.has_delete_permission(request):", "if False:",
        removes="sudo mode before deleting", tests=f"{T_SUDO}::test_deleting_asks",
    ),
)  # fmt: skip

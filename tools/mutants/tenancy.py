"""The tenant filter itself, and the ways into a tenant's scope."""

from __future__ import annotations

from tools.mutants.mutant import cut, cut_all

FILE = "accounts/tenancy.py"
IDENTITY = "accounts/identity.py"
WEB = "accounts/middleware.py"
QUERIES = "tests/accounts/test_tenancy_queries.py"
SCOPE = "tests/accounts/test_tenancy_scope.py"
STRANGERS = "tests/isolation/test_strangers.py"
WALLS = "tests/isolation/test_walls.py"
SHARED_SCOPE = "if isinstance(current, _SharedRows):\n            raise"

MUTANTS = (
    cut(
        "tenancy.read", FILE, "query.add_q(Q(tenant_id=current))", "pass",
        removes="the tenant condition of every query", tests=STRANGERS,
    ),
    cut(
        "tenancy.compile", FILE,
        "super(TenantQuery, self.limited_to_tenant()).get_compiler(", "super().get_compiler(",
        removes="the condition at the moment SQL is compiled", tests=STRANGERS,
    ),
    cut(
        "tenancy.chain", FILE, "query = self if klass is None else self.limited_to_tenant()",
        "query = self",
        removes="the condition of updates, deletes and aggregates",
        tests=f"{SCOPE}::test_limits_reading_and_writing",
    ),
    cut(
        "tenancy.no-scope", FILE, "raise TenantScopeMissing(f\"{self._table()}",
        "return self\n            raise TenantScopeMissing(f\"{self._table()}",
        removes="the refusal of queries outside a scope",
        tests=f"{SCOPE}::test_raises_without_a_scope",
    ),
    cut(
        "tenancy.raw-delete", FILE, "limited.query = limited.query.limited_to_tenant()", "pass",
        removes="the condition of Django's fast delete",
        tests=f"{QUERIES}::test_writes_of_many_rows",
    ),
    cut(
        "tenancy.raw-sql", FILE, "raise TypeError(\n            \"Raw SQL",
        "return super().raw(*args, **kwargs)\n        raise TypeError(\n            \"Raw SQL",
        removes="the refusal of raw SQL", tests=f"{SCOPE}::test_raw_sql_is_refused",
    ),
    cut(
        "tenancy.scope-type", FILE, "if not isinstance(tenant_id, uuid.UUID):", "if False:",
        removes="the check that a scope is a tenant's id",
        tests=f"{SCOPE}::test_a_scope_takes_only_a_uuid",
    ),
    cut(
        "tenancy.write", FILE, "if isinstance(current, uuid.UUID) and self.tenant_id != current:",
        "if False:",
        removes="the refusal to save or delete another tenant's object",
        tests=f"{SCOPE}::test_objects_of_another_tenant_cannot_be_saved_or_deleted",
    ),
    cut(
        "tenancy.save", FILE, "        self.check_tenant()\n        super().save(",
        "        super().save(",
        removes="the check of the tenant in save()",
        tests=f"{SCOPE}::test_relations_to_another_tenant_are_refused",
    ),
    cut(
        "tenancy.delete", FILE, "        self._check_scope()\n        return super().delete(",
        "        return super().delete(",
        removes="the check of the tenant in delete()",
        tests=f"{SCOPE}::test_objects_of_another_tenant_cannot_be_saved_or_deleted",
    ),
    cut(
        "tenancy.relation", FILE,
        "if related is not None and related.tenant_id != self.tenant_id:", "if False:",
        removes="the refusal of relations to another tenant's objects",
        tests=f"{SCOPE}::test_relations_to_another_tenant_are_refused",
    ),
    cut(
        "tenancy.bulk-create", FILE, "            obj.check_tenant()", "            pass",
        removes="the check of each object of a bulk insert",
        tests=f"{SCOPE}::test_relations_to_another_tenant_are_refused",
    ),
    cut(
        "tenancy.upsert", FILE,
        "if kwargs.get(\"update_conflicts\") and \"tenant\" not in unique_fields:", "if False:",
        removes="the refusal of upserts that may hit another tenant's row",
        tests=f"{SCOPE}::test_an_upsert_names_the_tenant",
    ),
    cut(
        "tenancy.overwrite", FILE, "base_qs.filter(tenant_id=self.tenant_id)", "base_qs",
        removes="the tenant in the UPDATE of save()",
        tests=f"{SCOPE}::test_a_guessed_key_does_not_overwrite_another_tenants_row",
    ),
    cut(
        "tenancy.guest-rows", FILE, " & current.rows.get(label, _NO_ROW))", ")",
        removes="the limit of guests to what is shared",
        tests=WALLS,
    ),
    cut(
        "tenancy.guest-other-tables", FILE, "current.rows.get(label, _NO_ROW)",
        "current.rows.get(label, Q())",
        removes="the emptiness of tables that nobody shared", tests=WALLS,
    ),
    cut_all(
        "tenancy.guest-tenant",
        (FILE, "query.add_q(Q(tenant_id=current.tenant_id) & ", "query.add_q("),
        ("devices/sharing.py",
         "        with tenant_scope(tenant_id):\n            shares =",
         "        with all_tenants():\n            shares ="),
        removes="both limits of a guest to the tenant acted for", tests=WALLS,
    ),
    cut(
        "tenancy.guest-writes", FILE,
        "raise ValidationError(_(\"Guests change nothing.\"))", "return",
        removes="the refusal of every change by guests", tests=WALLS,
    ),
    cut(
        "tenancy.guest-scope", IDENTITY,
        "if self.kind == \"guest\" or self.shared:", "if False:",
        removes="the guest's own scope", tests=WALLS,
    ),
    cut(
        "tenancy.staff-everywhere", WEB,
        "if request.path.startswith(\"/admin/\") and _is_platform_staff(request):",
        "if _is_platform_staff(request):",
        removes="the limit of platform staff to the admin",
        tests=WALLS,
    ),
    cut(
        "tenancy.admin-for-all", WEB,
        "if request.path.startswith(\"/admin/\") and _is_platform_staff(request):",
        "if request.path.startswith(\"/admin/\"):",
        removes="the scope of tenant administrators in the admin",
        tests="tests/admin/test_tenant_admin.py",
    ),
    cut(
        "tenancy.switch", IDENTITY,
        "if acting is None or acting.tenant_id != tenant_id:", "if acting is None:",
        removes="the check of the tenant switched to",
        tests="tests/reports/test_pages.py::test_nobody_switches_to_a_foreign_organisation",
    ),
    cut(
        "tenancy.task", "accounts/tasks.py", "with tenant_scope(uuid.UUID(str(tenant_id))):",
        "from accounts.tenancy import all_tenants\n\n        with all_tenants():",
        removes="the scope of background jobs", tests="tests/accounts/test_tasks.py",
    ),
)  # fmt: skip

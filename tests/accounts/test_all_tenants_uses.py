"""Lifting the tenant limit is allowed in listed places only."""

from __future__ import annotations

import ast
from pathlib import Path

from django.conf import settings

# Each file that may use `all_tenants`, and why.
ALLOWED = {
    "accounts/admin_base.py": "a form for staff finds what is unique over all tenants",
    "accounts/credentials/api_key.py": "the key tells the tenant",
    "accounts/middleware.py": "platform staff see all tenants in the admin",
    "accounts/services/erasure.py": "a deleted person's shares lie with other tenants",
    "accounts/services/invitations.py": "the secret of a link tells the tenant",
    "devices/services/rbac_sync.py": "the roles of all tenants follow the registry",
    "devices/sharing.py": "a guest's shares tell for which tenants the guest may act",
    "energy/management/commands/rbac_explain.py": "staff ask about an object of any tenant",
    "telemetry/ingest/directory.py": "the pipeline learns from a topic whose message it is",
    "telemetry/live/signin.py": "sockets of all tenants are looked after together",
    "telemetry/live/reactor.py": "one reactor feeds the rooms of all tenants",
}
IGNORED = {"tests", ".venv", "var", "bench", "docs"}


def uses_all_tenants(path: Path) -> bool:
    """Tell whether a file names `all_tenants` other than to define or import it."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    names = [node.id for node in nodes if isinstance(node, ast.Name)]
    names += [node.attr for node in nodes if isinstance(node, ast.Attribute)]
    return "all_tenants" in names


def test_every_use_is_listed():
    paths = (path.relative_to(settings.BASE_DIR) for path in settings.BASE_DIR.rglob("*.py"))
    sources = [path for path in paths if path.parts[0] not in IGNORED]

    found = {path.as_posix() for path in sources if uses_all_tenants(settings.BASE_DIR / path)}

    assert found == ALLOWED.keys()

"""Tenants and their plans, people, roles, invitations, keys and the audit trail."""

from accounts.models import history  # noqa: F401 (adds its tables)
from accounts.models.audit import AuditEvent
from accounts.models.invitation import Invitation
from accounts.models.key import ApiKey
from accounts.models.membership import Membership, Role, SystemRole
from accounts.models.tenant import Plan, Tenant
from accounts.models.user import User

__all__ = [
    "ApiKey",
    "AuditEvent",
    "Invitation",
    "Membership",
    "Plan",
    "Role",
    "SystemRole",
    "Tenant",
    "User",
]

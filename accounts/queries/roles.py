"""Roles of a tenant, and the matrix of what each may do."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from django.db.models import Count
from django.utils.functional import Promise

from accounts.models import Invitation, Membership, Role, SystemRole
from accounts.rbac.registry import ACTIONS, ADMINISTERING, CODES, RESOURCES, SYSTEM_ROLES
from accounts.services.refusals import UnknownRole


@dataclass(frozen=True, slots=True)
class RoleChoice:
    """A system role, or one that the tenant made. `value` stands in forms and the API."""

    role: str
    custom_role: Role | None = None

    @property
    def value(self) -> str:
        """Return the system role's key, or the id of the tenant's role."""
        return str(self.custom_role.id) if self.custom_role else self.role

    @property
    def name(self) -> str:
        """Return what people call it."""
        return self.custom_role.name if self.custom_role else str(SystemRole(self.role).label)

    @property
    def codes(self) -> frozenset[str]:
        """Return its permissions."""
        if self.custom_role is not None:
            return CODES & frozenset(self.custom_role.codes)
        return SYSTEM_ROLES[self.role]

    @property
    def is_administering(self) -> bool:
        """Tell whether who gets the role may decide what others may do."""
        return bool(self.codes & ADMINISTERING)

    @property
    def fields(self) -> dict[str, str | Role | None]:
        """Return the columns of a membership or an invitation."""
        return {"role": self.role, "custom_role": self.custom_role}


def role_choices() -> list[RoleChoice]:
    """Return every role that can be given in the tenant in scope, the system's first."""
    own = Role.objects.order_by("name", "id")
    return [RoleChoice(role.value) for role in SystemRole] + [RoleChoice("", r) for r in own]


def find_role(value: str) -> RoleChoice:
    """Return the role of a form's or the API's value, in the tenant in scope.

    Raises: UnknownRole: neither a system role nor one of the tenant's.
    """
    if value in set(SystemRole):
        return RoleChoice(value)
    try:
        return RoleChoice("", Role.objects.get(id=uuid.UUID(value)))
    except (ValueError, Role.DoesNotExist) as error:
        raise UnknownRole from error


def choice_of(row: Membership | Invitation) -> RoleChoice:
    """Return the role that a member has or an invitation offers."""
    return RoleChoice(row.role, row.custom_role)


@dataclass(frozen=True, slots=True)
class Cell:
    """Whether a role has a permission, and whether the reader may change that."""

    code: str
    held: bool
    editable: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A permission across all roles."""

    code: str
    action: Promise
    cells: list[Cell]


@dataclass(frozen=True, slots=True)
class Group:
    """The permissions of one resource."""

    resource: str
    name: Promise
    lines: list[Line]


@dataclass(frozen=True)
class Column:
    """A role in the matrix."""

    choice: RoleChoice
    members: int

    @cached_property
    def codes(self) -> frozenset[str]:
        """Return the role's permissions."""
        return self.choice.codes


def role_columns(tenant_id: uuid.UUID) -> list[Column]:
    """Return the roles of the tenant in scope with the number of members in each."""
    rows = Membership.objects.filter(tenant_id=tenant_id).values_list("role", "custom_role_id")
    counts = {key or own: n for key, own, n in rows.annotate(n=Count("id")).order_by("role")}
    return [
        Column(choice, counts.get(choice.custom_role.id if choice.custom_role else choice.role, 0))
        for choice in role_choices()
    ]


def permission_groups(
    columns: Iterable[frozenset[str]], *, editable: frozenset[str] = frozenset()
) -> list[Group]:
    """Return all permissions by resource, with a cell for each set of codes."""
    held = list(columns)
    return [
        Group(
            resource,
            name,
            [
                Line(code, ACTIONS[action], [Cell(code, code in c, code in editable) for c in held])
                for action in ACTIONS
                if (code := f"{action}:{resource}") in CODES
            ],
        )
        for resource, name in RESOURCES.items()
    ]


def permission_name(code: str) -> str:
    """Say a permission in the reader's language, such as "Devices: control"."""
    action, _colon, resource = code.partition(":")
    return f"{RESOURCES[resource]}: {str(ACTIONS[action]).lower()}"

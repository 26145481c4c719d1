"""The rows that somebody may see."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Any, Protocol, TypeVar, cast

from django.contrib.auth import get_backends
from django.db.models import Model, Q, QuerySet

from accounts.rbac.access import access_of
from accounts.rbac.registry import code_of
from accounts.tenancy import current_tenant_id

Row = TypeVar("Row", bound=Model)


class SharingBackend(Protocol):
    """A backend that knows shares of single objects."""

    def shared_rows(self, user: Any, code: str, model: type[Model]) -> Q | None:
        """Return the condition for rows that are shared with the person; None for none."""


def scope(user: Any, perm: str, model: type[Row]) -> QuerySet[Row]:
    """Return the rows of the acting tenant that a person, or a key, may use.

    All rows when the role has the permission, else those that are shared. Always lies
    within the current tenant scope. Raises ValueError for a permission that does not exist.
    """
    code = code_of(perm)
    if code is None:
        raise ValueError(f"{perm!r} is no permission; see accounts.rbac.registry.")
    if has_in_tenant(user, code):
        return model._default_manager.all()
    return shared_with(user, code, model)


def shared_with(user: Any, code: str, model: type[Row]) -> QuerySet[Row]:
    """Return the rows of the acting tenant that are shared with a person, whatever their role."""
    rows: QuerySet[Row] = model._default_manager.all()
    conditions = [
        condition
        for backend in get_backends()
        if hasattr(backend, "shared_rows")
        and (condition := cast(SharingBackend, backend).shared_rows(user, code, model)) is not None
    ]
    return rows.filter(reduce(or_, conditions)) if conditions else rows.none()


def has_in_tenant(user: Any, code: str) -> bool:
    """Tell whether a role gives the permission in the acting tenant, for every row."""
    if not user.is_active:
        return False
    if user.is_superuser:
        return True
    codes = getattr(user, "key_codes", None)  # an API key brings its own
    if codes is not None:
        return code in codes and user.tenant_id == current_tenant_id()
    return code in access_of(user).codes_in(current_tenant_id())

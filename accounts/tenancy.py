"""The one place where tenant isolation is enforced.

A table whose rows belong to a tenant inherits `TenantModel`. The tenant condition is
added when SQL is compiled, from the scope that is current at that moment: a queryset
declared at import time is safe to share, and a query outside a scope raises.
Only the web middleware, the live consumer, the task base, the admin and the
pipeline enter a scope (`tests/accounts/test_all_tenants_uses.py` lists them).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Self

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.db.models.sql import Query
from django.utils.translation import gettext_lazy as _


class TenantScopeMissing(RuntimeError):
    """A tenant-owned table was used outside `tenant_scope`."""


class _AllTenants:
    """The scope of staff overviews, workers and migrations."""


_ALL = _AllTenants()
_current: ContextVar[uuid.UUID | _AllTenants | None] = ContextVar("tenant", default=None)


@contextmanager
def tenant_scope(tenant_id: uuid.UUID) -> Iterator[None]:
    """Limit every query on tenant-owned tables to one tenant."""
    if not isinstance(tenant_id, uuid.UUID):
        raise TypeError(f"tenant_scope() needs a UUID, got {type(tenant_id).__name__}.")
    token = _current.set(tenant_id)
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def all_tenants() -> Iterator[None]:
    """Lift the limit; every use stands in the list of allowed files."""
    token = _current.set(_ALL)
    try:
        yield
    finally:
        _current.reset(token)


def current_tenant_id() -> uuid.UUID | None:
    """Return the tenant in scope; None outside a scope and under `all_tenants`."""
    current = _current.get()
    return current if isinstance(current, uuid.UUID) else None


class TenantQuery(Query):
    """A query that carries the tenant condition from the moment SQL is compiled.

    Overrides Django internals (`get_compiler`, `chain`): the Django minor version is
    pinned and the tenancy tests guard an upgrade.
    """

    def get_compiler(self, *args: Any, **kwargs: Any) -> Any:
        """Compile a copy of the query with the tenant condition."""
        return super(TenantQuery, self.limited_to_tenant()).get_compiler(*args, **kwargs)

    def chain(self, klass: Any = None) -> Any:
        """Add the condition before Django switches to another query class.

        Update, delete and aggregate queries are of other classes, which know no
        tenant: they must receive the condition here.
        """
        query = self if klass is None else self.limited_to_tenant()
        return super(TenantQuery, query).chain(klass)

    def limited_to_tenant(self) -> Self:
        """Return this query for the tenant in scope.

        Raises:
            TenantScopeMissing: no scope is current.
        """
        current = _current.get()
        if isinstance(current, _AllTenants) or self.is_empty():
            return self
        if current is None:
            raise TenantScopeMissing(f"{self.model.__name__} queried outside tenant_scope().")
        query = self.clone()
        query.add_q(Q(tenant_id=current))
        return query


class TenantQuerySet(models.QuerySet):
    """A queryset on a tenant-owned table."""

    def __init__(
        self, model: Any = None, query: Any = None, using: Any = None, hints: Any = None
    ) -> None:
        super().__init__(model, query or TenantQuery(model), using, hints)

    def bulk_create(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> list[Any]:
        """Check the tenant of each object, as `save()` does."""
        checked = list(objs)
        for obj in checked:
            obj.check_tenant()
        return super().bulk_create(checked, *args, **kwargs)

    def raw(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse raw SQL, which would skip the tenant condition."""
        raise TypeError("Raw SQL skips the tenant filter; write it in telemetry/queries.py.")

    def _raw_delete(self, using: Any) -> int:
        limited = self._chain()
        limited.query = self.query.limited_to_tenant()
        return super(TenantQuerySet, limited)._raw_delete(using)


TenantManager = models.Manager.from_queryset(TenantQuerySet)


class StampedModel(models.Model):
    """Base of every table: when a row was made and last changed, in UTC."""

    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        abstract = True


class TenantModel(StampedModel):
    """Base of every table whose rows belong to one tenant."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(
        "accounts.Tenant",
        models.CASCADE,
        editable=False,
        related_name="+",
        verbose_name=_("tenant"),
    )

    objects = TenantManager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Check the tenant, then save."""
        self.check_tenant()
        super().save(*args, **kwargs)

    def check_tenant(self) -> None:
        """Set the tenant of a new object; refuse relations to another tenant's objects.

        Costs one query for each foreign key that is not loaded yet.

        Raises:
            TenantScopeMissing: no scope is current.
            ValidationError: the object or one it points to belongs to another tenant.
        """
        current = _current.get()
        if current is None:
            raise TenantScopeMissing(f"{type(self).__name__} saved outside tenant_scope().")
        if isinstance(current, uuid.UUID):
            if self.tenant_id is None:
                self.tenant_id = current
            if self.tenant_id != current:
                raise ValidationError(_("Belongs to another tenant."))
        for field in self._meta.concrete_fields:
            if field.is_relation and issubclass(field.related_model, TenantModel):
                related = getattr(self, field.name)
                if related is not None and related.tenant_id != self.tenant_id:
                    raise ValidationError({field.name: _("Belongs to another tenant.")})

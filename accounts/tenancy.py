"""The one place where tenant isolation is enforced.

A table whose rows belong to a tenant inherits `TenantModel`. The tenant condition is
added when SQL is compiled, from the scope that is current at that moment: a queryset
declared at import time is safe to share, and a query outside a scope raises.
Only the web middleware, the live consumer, the task base, the admin and the
pipeline enter a scope (`tests/accounts/test_all_tenants_uses.py` lists them).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.db.models.sql import Query
from django.utils.translation import gettext_lazy as _


class TenantScopeMissing(RuntimeError):
    """A tenant-owned table was used outside `tenant_scope`."""


class _AllTenants:
    """The scope of staff overviews, workers and migrations."""


@dataclass(frozen=True, slots=True)
class _SharedRows:
    """The scope of a guest: what a tenant shares with somebody from outside."""

    tenant_id: uuid.UUID
    rows: Mapping[str, Q]


_ALL = _AllTenants()
_current: ContextVar[uuid.UUID | _SharedRows | _AllTenants | None] = ContextVar(
    "tenant", default=None
)
_NO_ROW = Q(pk__in=[])


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
def guest_scope(tenant_id: uuid.UUID, rows: Mapping[str, Q]) -> Iterator[None]:
    """Limit every query to single rows of one tenant, and refuse every change.

    `rows`: by model label, such as "devices.Device"; models that are not named are empty.
    """
    token = _current.set(_SharedRows(tenant_id, rows))
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
    if isinstance(current, _SharedRows):
        return current.tenant_id
    return current if isinstance(current, uuid.UUID) else None


class TenantQuery(Query):
    """A query that carries the tenant condition from the moment SQL is compiled.

    Overrides Django internals (`get_compiler`, `chain`, `trim_start`): the Django minor
    version is pinned and the tenancy tests guard an upgrade.
    """

    _is_limited_by_outer_row = False

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

    def trim_start(self, names_with_path: Any) -> Any:
        """Leave the inner query of `exclude(many__field=…)` alone.

        Django cuts the model's own table off it and ties it to the row of the outer
        query, which carries the condition; adding it here would name the cut table.
        """
        self._is_limited_by_outer_row = True
        return super().trim_start(names_with_path)

    def limited_to_tenant(self) -> TenantQuery:
        """Return this query for the tenant in scope.

        Raises:
            TenantScopeMissing: no scope is current.
        """
        current = _current.get()
        if isinstance(current, _AllTenants) or self.is_empty():
            return self
        if current is None:
            raise TenantScopeMissing(f"{self._table()} queried outside tenant_scope().")
        if self._is_limited_by_outer_row:
            return self
        query: Any = self.clone()
        if isinstance(current, _SharedRows):
            label = self.model._meta.label if self.model else ""
            query.add_q(Q(tenant_id=current.tenant_id) & current.rows.get(label, _NO_ROW))
        else:
            query.add_q(Q(tenant_id=current))
        return query

    def _table(self) -> str:
        return self.model.__name__ if self.model else "A table"


class TenantQuerySet(models.QuerySet):
    """A queryset on a tenant-owned table."""

    def __init__(
        self, model: Any = None, query: Any = None, using: Any = None, hints: Any = None
    ) -> None:
        super().__init__(model, query or TenantQuery(model), using, hints)

    def bulk_create(  # type: ignore[override]
        self, objs: Iterable[Any], batch_size: int | None = None, **kwargs: Any
    ) -> list[Any]:
        """Check the tenant of each object, as `save()` does.

        Raises:
            TypeError: the conflicting row of an upsert may be another tenant's.
        """
        unique_fields = kwargs.get("unique_fields") or ()
        if kwargs.get("update_conflicts") and "tenant" not in unique_fields:
            raise TypeError("An upsert needs `tenant` in unique_fields; update and insert instead.")
        checked = list(objs)
        for obj in checked:
            obj.check_tenant()
        return super().bulk_create(checked, batch_size, **kwargs)

    def raw(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse raw SQL, which would skip the tenant condition."""
        raise TypeError(
            "Raw SQL skips the tenant filter; put it beside telemetry.queries, with the tenant."
        )

    def _raw_delete(self, using: Any) -> int:
        limited: Any = self.all()
        limited.query = limited.query.limited_to_tenant()
        return super(TenantQuerySet, limited)._raw_delete(using)


TenantManager = models.Manager.from_queryset(TenantQuerySet)


class StampedModel(models.Model):
    """Base of every table: when a row was made and last changed, in UTC."""

    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        abstract = True


class TenantOwned(models.Model):
    """Base of every table whose rows belong to one tenant; it brings its own key."""

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

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete unless the object belongs to a tenant that is not in scope."""
        self._check_scope()
        return super().delete(*args, **kwargs)

    def _do_update(self, base_qs: Any, *args: Any, **kwargs: Any) -> Any:
        """Never overwrite another tenant's row, whatever key the object was given.

        Django updates by key through the base manager, which knows no tenant.
        """
        return super()._do_update(base_qs.filter(tenant_id=self.tenant_id), *args, **kwargs)

    def check_tenant(self) -> None:
        """Set the tenant of a new object; refuse relations to another tenant's objects.

        Costs one query for each foreign key that is not loaded yet.

        Raises:
            TenantScopeMissing: no scope is current.
            ValidationError: the object or one it points to belongs to another tenant.
        """
        if self.tenant_id is None:
            self.tenant_id = current_tenant_id()
        self._check_scope()
        for field in self._meta.concrete_fields:
            if field.is_relation and is_tenant_owned(field.related_model):
                related = getattr(self, field.name)
                if related is not None and related.tenant_id != self.tenant_id:
                    raise ValidationError({field.name: _("Belongs to another tenant.")})

    def _check_scope(self) -> None:
        current = _current.get()
        if current is None:
            raise TenantScopeMissing(f"{type(self).__name__} changed outside tenant_scope().")
        if isinstance(current, _SharedRows):
            raise ValidationError(_("Guests change nothing."))
        if isinstance(current, uuid.UUID) and self.tenant_id != current:
            raise ValidationError(_("Belongs to another tenant."))


def is_tenant_owned(model: Any) -> bool:
    """Tell whether the rows of a model belong to a tenant."""
    return isinstance(model, type) and issubclass(model, TenantOwned)


class TenantModel(TenantOwned, StampedModel):
    """The usual tenant-owned table: a UUID key and stamps."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)

    class Meta:
        abstract = True

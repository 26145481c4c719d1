"""History of changes: a trigger on each tracked table writes it, whoever changes a row.

A change holds the row as it was BEFORE an update or a deletion, or as it was made. What an
update led to stands in the next change, or in the row itself: so nothing has to be copied
when tracking begins, and the oldest change keeps its meaning when older ones are forgotten.
"""

from __future__ import annotations

from typing import Any

import pghistory
import pghistory.models
import pgtrigger
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models.invitation import Invitation
from accounts.models.key import ApiKey
from accounts.models.membership import Membership, Role
from accounts.models.tenant import Plan, Tenant
from accounts.models.user import User
from accounts.tenancy import TenantOwned, is_tenant_owned

MODEL_SUFFIX = "Change"
# written by the database itself, or known from the change
_NEVER_KEPT = ("id", "created_at", "updated_at")
_REFUSAL = "RAISE EXCEPTION 'history is never changed or deleted' USING ERRCODE = '42501'"
GUARDS = [
    # accounts_may_forget: migration 0006
    pgtrigger.Trigger(
        name="append_only",
        when=pgtrigger.Before,
        operation=pgtrigger.Update | pgtrigger.Delete,
        func=(
            "IF TG_OP = 'DELETE' AND accounts_may_forget(TG_TABLE_NAME, to_jsonb(OLD)) THEN "
            f"RETURN OLD; END IF; {_REFUSAL};"
        ),
    ),
    pgtrigger.Trigger(
        name="no_truncate",
        level=pgtrigger.Statement,
        when=pgtrigger.Before,
        operation=pgtrigger.Truncate,
        func=f"{_REFUSAL};",
    ),
]


class Change(pghistory.models.Event):
    """A change of a row of a table that belongs to nobody, or that is no tenant's alone."""

    pgh_id = models.BigAutoField(primary_key=True)
    pgh_tracked_model: Any

    class Meta:
        abstract = True


class OwnedChange(TenantOwned, Change):
    """A change of a tenant's row; it belongs to the same tenant."""

    class Meta:
        abstract = True


def keep_history(model: type[models.Model], *, ignore: tuple[str, ...] = ()) -> None:
    """Track a model in a table of its own, `<Model>Change`; call it where models are defined.

    `ignore`: fields that are not kept, and whose updates are no change: secrets, and what
    machines write all the time.
    """
    name = model._meta.object_name or ""
    owned: dict[str, Any] = {"base_model": OwnedChange if is_tenant_owned(model) else Change}
    pghistory.track(
        pghistory.InsertEvent(),
        pghistory.UpdateEvent(row="OLD"),
        pghistory.DeleteEvent(),
        exclude=[*(n for n in _NEVER_KEPT if _has(model, n)), *ignore],
        obj_field=pghistory.ObjForeignKey(related_name="+", db_index=False),
        context_field=pghistory.ContextJSONField(),
        context_id_field=pghistory.ContextUUIDField(),
        model_name=f"{name}{MODEL_SUFFIX}",
        meta={
            "triggers": GUARDS,
            "verbose_name": _("change"),
            "verbose_name_plural": _("changes"),
            "indexes": _indexes(model, name.lower()[:20]),
        },
        **owned,
    )(model)


def _indexes(model: type[models.Model], prefix: str) -> list[models.Index]:
    """Find changes by object, by the key that is shown, and by tenant when one is erased."""
    wanted = [(["pgh_obj", "pgh_id"], "history")]
    wanted += [([name], f"by_{name}") for name in ("tenant", "uuid") if _has(model, name)]
    return [models.Index(fields=fields, name=f"{prefix}_{end}") for fields, end in wanted]


def _has(model: type[models.Model], name: str) -> bool:
    return any(field.name == name for field in model._meta.local_fields)


keep_history(Plan)
keep_history(Tenant)
keep_history(User, ignore=("password", "last_login", "token_version"))
keep_history(Role)
keep_history(Membership)
keep_history(Invitation, ignore=("token_hash",))
keep_history(ApiKey, ignore=("hashed", "last_used_at"))

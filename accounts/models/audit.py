"""What people and keys did, in an order that cannot be rewritten unseen."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class AuditEvent(models.Model):
    """One action; rows are only ever added.

    Each tenant has its own chain, and the platform one with `tenant_id` null: `number`
    counts from 1 without gaps, `hash` is the SHA-256 of the row and of the row before it.
    Holds identifiers instead of references, so it survives what it speaks of.
    """

    tenant_id = models.UUIDField(_("tenant"), null=True)
    number = models.PositiveBigIntegerField(_("number"))
    at = models.DateTimeField(_("time"))
    action = models.CharField(_("action"), max_length=60)
    actor_kind = models.CharField(_("kind of actor"), max_length=10)
    actor_id = models.UUIDField(_("actor"), null=True)
    actor_label = models.CharField(_("who"), max_length=254, blank=True)
    impersonator_id = models.UUIDField(_("impersonator"), null=True)
    impersonator_label = models.CharField(_("impersonated by"), max_length=254, blank=True)
    object_type = models.CharField(_("kind of object"), max_length=60, blank=True)
    object_id = models.CharField(_("object id"), max_length=64, blank=True)
    object_label = models.CharField(_("object"), max_length=200, blank=True)
    detail = models.JSONField(_("detail"), default=dict)
    request_id = models.CharField(_("request"), max_length=64, blank=True)
    ip_address = models.GenericIPAddressField(_("address"), null=True)
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        verbose_name = _("audit event")
        verbose_name_plural = _("audit events")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant_id", "number"], name="audit_number_once", nulls_distinct=False
            )
        ]
        indexes = [models.Index(fields=["tenant_id", "-at"], name="audit_by_time")]

    def __str__(self) -> str:
        return f"{self.number} {self.action}"

"""Customer organisations and what their plans allow."""

from __future__ import annotations

import uuid

from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import StampedModel


class Plan(StampedModel):
    """What a tenant may use. Example: "Standard", 500 devices, 50 messages a second."""

    name = models.CharField(_("name"), max_length=60, unique=True)
    max_devices = models.PositiveIntegerField(_("devices"), default=500)
    messages_per_second = models.PositiveIntegerField(
        _("messages a second"),
        default=200,
        validators=[MinValueValidator(1)],
        help_text=_("Of all devices together, as an average over a minute."),
    )
    api_calls_per_minute = models.PositiveIntegerField(
        _("API calls a minute"),
        default=600,
        validators=[MinValueValidator(1)],
        help_text=_("Of all people and keys together."),
    )
    retention_days = models.PositiveIntegerField(
        _("retention, days"),
        default=730,
        validators=[MinValueValidator(7)],
        help_text=_("How long single samples are kept."),
    )

    class Meta:
        verbose_name = _("plan")
        verbose_name_plural = _("plans")

    def __str__(self) -> str:
        return self.name


class Tenant(StampedModel):
    """A customer organisation; everything it owns is invisible to all others.

    Example: "Anatolia Energy", slug `anatolia-energy`. A tenant with `is_reseller` has
    customers: the tenants whose `parent` it is, and theirs.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=100)
    slug = models.SlugField(_("short name"), unique=True, help_text=_("Stands in file names."))
    parent = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="customers",
        verbose_name=_("reseller"),
        help_text=_("Its people with the right to manage customers may act here."),
    )
    is_reseller = models.BooleanField(_("is a reseller"), default=False)
    plan = models.ForeignKey(
        Plan,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="tenants",
        verbose_name=_("plan"),
        help_text=_("Without a plan nothing is limited."),
    )
    requires_mfa = models.BooleanField(
        _("second factor required"),
        default=False,
        help_text=_("Members must set up a second factor before they can work in it."),
    )
    is_active = models.BooleanField(
        _("active"), default=True, help_text=_("Members of an inactive tenant cannot work in it.")
    )
    suspended_at = models.DateTimeField(_("suspended"), null=True, editable=False)
    suspension_reason = models.CharField(
        _("reason of the suspension"), max_length=200, blank=True, editable=False
    )

    class Meta:
        verbose_name = _("tenant")
        verbose_name_plural = _("tenants")
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(parent=models.F("id")), name="tenant_is_not_its_own_parent"
            )
        ]

    def __str__(self) -> str:
        return self.name

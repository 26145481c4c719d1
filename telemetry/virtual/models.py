"""Channels that are computed, and what they are computed from."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import TenantModel, TenantOwned
from telemetry.virtual.formula import MAX_LENGTH


class Alignment(models.TextChoices):
    """For which instants there is a value; see docs/explanation/virtual-channels.md."""

    QUARTER = "quarter", _("Each quarter of an hour")
    LATEST = "latest", _("Whenever one of the channels has a value")


class VirtualChannel(TenantModel):
    """What a channel is computed by. Example: "grid + solar" of two meters, in kW.

    `revision` rises with each change. History is computed from `build_from` (null: from the
    first value) to `build_until`; `build_next` is how far that has come, null when it is done.
    """

    channel = models.OneToOneField(
        "devices.Channel", models.CASCADE, related_name="virtual", verbose_name=_("channel")
    )
    formula = models.CharField(_("formula"), max_length=MAX_LENGTH)
    alignment = models.CharField(
        _("alignment"), max_length=10, choices=Alignment, default=Alignment.QUARTER
    )
    tolerance_seconds = models.PositiveIntegerField(
        _("tolerance"), default=300, help_text=_("Seconds for which a value may stand in.")
    )
    revision = models.PositiveIntegerField(default=1, editable=False)
    needs_build = models.BooleanField(_("history waits"), default=True, editable=False)
    build_from = models.DateTimeField(_("history from"), null=True, editable=False)
    build_next = models.DateTimeField(_("computed up to"), null=True, editable=False)
    build_until = models.DateTimeField(_("history to"), null=True, editable=False)

    class Meta:
        verbose_name = _("virtual channel")
        verbose_name_plural = _("virtual channels")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="virtual_channel_tenant_id"),
            models.CheckConstraint(
                condition=Q(tolerance_seconds__gte=1, tolerance_seconds__lte=86_400),
                name="virtual_channel_tolerance",
            ),
        ]

    def __str__(self) -> str:
        return self.formula


class VirtualInput(TenantOwned):
    """A name in the formula and the channel that it stands for."""

    virtual = models.ForeignKey(
        VirtualChannel, models.CASCADE, related_name="inputs", verbose_name=_("virtual channel")
    )
    name = models.CharField(_("name"), max_length=32)
    channel = models.ForeignKey(
        "devices.Channel", models.CASCADE, related_name="used_by", verbose_name=_("channel")
    )

    class Meta:
        verbose_name = _("input of a virtual channel")
        verbose_name_plural = _("inputs of virtual channels")
        constraints = [
            models.UniqueConstraint(F("virtual"), F("name"), name="virtual_input_name_once"),
        ]

    def __str__(self) -> str:
        return self.name

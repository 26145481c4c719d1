"""Charging sessions, the events of connectors, and who is told of them."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Func, Q, Value
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import StampedModel, TenantModel
from charging.models.station import Connector, IdTag


class SessionState(models.TextChoices):
    """Where a session stands; the last two have ended."""

    AUTHORISED = "authorised", _("Permitted, waits for the vehicle")
    CHARGING = "charging", _("Charging")
    PAUSED = "paused", _("Paused")
    ENDED = "ended", _("Ended")
    FAULTED = "faulted", _("Ended by a fault")


OPEN_SESSION = (SessionState.AUTHORISED, SessionState.CHARGING, SessionState.PAUSED)


class EndReason(models.TextChoices):
    """Why a session ended."""

    STOPPED = "stopped", _("Stopped by a command")
    VEHICLE = "vehicle", _("Ended by the vehicle")
    UNPLUGGED = "unplugged", _("Unplugged")
    FAULT = "fault", _("Fault")
    TIMEOUT = "timeout", _("No vehicle came")
    REBOOT = "reboot", _("The controller began anew")
    REPLACED = "replaced", _("Another session began")


class ChargingSession(TenantModel):
    """A vehicle at a connector, from the permission or the first charging to the end.

    Registers are in kWh, of the meter at the connector; `energy_kwh` is their difference and
    follows samples that come late until `settled_at`. `is_estimated`: there was no meter, or it
    was silent; `estimate_note` says why. `price` is a copy of the price at the beginning; `cost`
    is in its currency and includes VAT. `energised_seconds`: for how long it charged; `since`:
    beginning of the present state. `receipt_number` counts per tenant, from the end on.
    """

    connector = models.ForeignKey(
        Connector, models.PROTECT, related_name="sessions", verbose_name=_("connector")
    )
    id_tag = models.ForeignKey(
        IdTag, models.SET_NULL, null=True, blank=True, related_name="sessions",
        verbose_name=_("tag"),
    )  # fmt: skip
    tag_uid = models.CharField(_("identifier"), max_length=64, blank=True)
    principal = models.CharField(_("principal"), max_length=100, blank=True)
    principal_label = models.CharField(_("by"), max_length=254, blank=True)
    state = models.CharField(
        _("state"), max_length=10, choices=SessionState, default=SessionState.AUTHORISED
    )
    since = models.DateTimeField(_("since"))
    started_at = models.DateTimeField(_("began"))
    charging_at = models.DateTimeField(_("began to charge"), null=True)
    stopped_at = models.DateTimeField(_("stopped charging"), null=True)
    ended_at = models.DateTimeField(_("ended"), null=True)
    end_reason = models.CharField(_("ended because"), max_length=10, choices=EndReason, blank=True)
    end_detail = models.CharField(_("detail"), max_length=200, blank=True)
    register_start = models.DecimalField(
        _("register at the beginning (kWh)"), max_digits=16, decimal_places=6, null=True
    )
    register_end = models.DecimalField(
        _("register at the end (kWh)"), max_digits=16, decimal_places=6, null=True
    )
    energy_kwh = models.DecimalField(_("energy (kWh)"), max_digits=14, decimal_places=6, null=True)
    is_estimated = models.BooleanField(_("estimated"), default=False)
    estimate_note = models.CharField(_("estimated because"), max_length=64, blank=True)
    energised_seconds = models.FloatField(_("charged for (s)"), default=0)
    peak_kw = models.FloatField(_("largest power (kW)"), null=True)
    price = models.JSONField(_("price"), default=dict, blank=True)
    cost = models.DecimalField(_("cost"), max_digits=14, decimal_places=2, null=True)
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    receipt_number = models.PositiveIntegerField(_("receipt"), null=True)
    settled_at = models.DateTimeField(_("settled"), null=True)

    class Meta:
        verbose_name = _("charging session")
        verbose_name_plural = _("charging sessions")
        constraints = [
            models.UniqueConstraint(
                fields=["connector"], condition=Q(ended_at=None), name="one_open_charging_session"
            ),
            models.UniqueConstraint(
                fields=["tenant", "receipt_number"], name="charging_receipt_once_per_tenant"
            ),
            models.UniqueConstraint(fields=["tenant", "id"], name="charging_session_tenant_id"),
        ]
        indexes = [
            models.Index(fields=["tenant", "-started_at"], name="charging_session_by_time"),
            models.Index(fields=["connector", "-started_at"], name="charging_session_of_place"),
            models.Index(
                fields=["ended_at"], condition=Q(settled_at=None, ended_at__isnull=False),
                name="charging_session_unsettled",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.connector} {self.started_at:%Y-%m-%d %H:%M}"


class ChargingEvent(TenantModel):
    """Something that happened at a connector; see charging.events for the kinds.

    `order` counts over all tenants: subscribers go by it. `is_inferred`: nobody saw it, it must
    have happened between two looks. `detail` depends on the kind, such as {"limit_a": 16}.
    """

    order = models.BigIntegerField(
        db_default=Func(Value("charging_event_order"), function="nextval"),
        db_index=True, editable=False,
    )  # fmt: skip
    connector = models.ForeignKey(
        Connector, models.CASCADE, related_name="events", verbose_name=_("connector")
    )
    session = models.ForeignKey(
        ChargingSession, models.CASCADE, null=True, related_name="events",
        verbose_name=_("session"),
    )  # fmt: skip
    kind = models.CharField(_("kind"), max_length=32)
    at = models.DateTimeField(_("at"))
    from_state = models.PositiveSmallIntegerField(_("from"), null=True)
    to_state = models.PositiveSmallIntegerField(_("to"), null=True)
    is_inferred = models.BooleanField(_("inferred"), default=False)
    detail = models.JSONField(_("detail"), default=dict, blank=True)

    class Meta:
        verbose_name = _("charging event")
        verbose_name_plural = _("charging events")
        indexes = [models.Index(fields=["connector", "-at"], name="charging_event_of_place")]

    def __str__(self) -> str:
        return self.kind


class EventSubscriber(StampedModel):
    """A part of the product that is told each charging event, in order, once it is ready.

    `position` is the `order` up to which it was told. One that fails waits, ever longer, at most
    five minutes, and is then told again: nobody is dropped. Skipped after many tries: the event
    that it cannot take is kept in `skipped` as [{"order", "error", "at"}], the newest fifty.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=64, unique=True)
    position = models.BigIntegerField(_("position"), default=0)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0)
    retry_at = models.DateTimeField(_("next try"), null=True)
    last_error = models.CharField(_("last error"), max_length=500, blank=True)
    skipped = models.JSONField(_("skipped"), default=list, blank=True)

    class Meta:
        verbose_name = _("subscriber to charging events")
        verbose_name_plural = _("subscribers to charging events")

    def __str__(self) -> str:
        return self.name

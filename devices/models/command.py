"""Commands to devices, one by one and in batches."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import TenantModel
from devices.command_schema import Effect
from devices.command_states import State, public_state
from devices.models import live_triggers

STATE_NAMES = {
    State.QUEUED: _("Queued"),
    State.SENT: _("Sent"),
    State.ACK: _("Accepted by the device"),
    State.DONE: _("Done"),
    State.NO_EFFECT: _("No effect"),
    State.ERROR: _("Failed"),
    State.INVALID: _("Refused"),
    State.BUSY: _("Device busy"),
    State.TIMEOUT: _("No answer"),
    State.SEND_FAILED: _("Not sent"),
    State.EXPIRED: _("Expired"),
    State.CANCELLED: _("Cancelled"),
}


EFFECT_NAMES = {
    Effect.ON: _("Switches on"),
    Effect.OFF: _("Switches off"),
    Effect.SET: _("Sets a value"),
    Effect.READ: _("Reads"),
    Effect.NONE: _("No actuator"),
}


def _named(names: Mapping[State, Promise] | Mapping[Effect, Promise]) -> list[tuple[str, Promise]]:
    return [(key.value, name) for key, name in names.items()]


class CommandBatch(TenantModel):
    """One command for many devices, sent in stages.

    Example: `restart` for 40 meters, 10 at a time every 60 s, halted at 20 % failures.
    """

    class State(models.TextChoices):
        RUNNING = "running", _("Running")
        HALTED = "halted", _("Halted")
        CANCELLED = "cancelled", _("Cancelled")
        FINISHED = "finished", _("Finished")

    name = models.CharField(_("command"), max_length=64)
    params = models.JSONField(_("parameters"), default=dict, blank=True)
    principal = models.CharField(_("principal"), max_length=100)
    principal_label = models.CharField(_("by"), max_length=254)
    idempotency_key = models.CharField(_("idempotency key"), max_length=255)
    body_hash = models.CharField(max_length=64)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.RUNNING)
    stage_size = models.PositiveIntegerField(_("devices per stage"))
    stage_seconds = models.PositiveIntegerField(_("seconds between stages"), default=30)
    halt_percent = models.PositiveSmallIntegerField(_("halt at failures (%)"), default=20)
    expires_in = models.PositiveIntegerField(_("valid for (s)"), default=30)
    stage = models.PositiveIntegerField(_("stage"), default=0)
    next_stage_at = models.DateTimeField(_("next stage"), null=True)
    requested_at = models.DateTimeField(_("requested"))
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("command batch")
        verbose_name_plural = _("command batches")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "principal", "idempotency_key"], name="command_batch_once"
            ),
            models.UniqueConstraint(fields=["tenant", "id"], name="command_batch_tenant_id"),
        ]

    def __str__(self) -> str:
        return self.name


class Command(TenantModel):
    """One order to a device, kept for ever with everything that became of it.

    Example: `set_position` {"percent": 40} for a valve, valid for 30 s. Its id is the id that
    the device sees and by which it does it once. `history` is a list of {"state", "at", "by",
    "code", "detail"}; a late word of the device stands in it with "late": true.
    """

    device = models.ForeignKey(
        "devices.Device", models.CASCADE, related_name="commands", verbose_name=_("device")
    )
    batch = models.ForeignKey(
        CommandBatch,
        models.CASCADE,
        related_name="commands",
        null=True,
        blank=True,
        verbose_name=_("batch"),
    )
    name = models.CharField(_("command"), max_length=64)
    params = models.JSONField(_("parameters"), default=dict, blank=True)
    effect = models.CharField(
        _("effect"), max_length=5, choices=_named(EFFECT_NAMES), default=Effect.NONE.value
    )
    actuator = models.CharField(_("actuator"), max_length=64, blank=True)
    value = models.FloatField(_("value"), null=True)
    max_runtime_seconds = models.FloatField(_("run time (s)"), null=True)
    state = models.CharField(
        _("state"), max_length=12, choices=_named(STATE_NAMES), default=State.QUEUED.value
    )
    code = models.CharField(_("code"), max_length=64, blank=True)
    detail = models.CharField(_("detail"), max_length=1000, blank=True)
    verdict = models.JSONField(_("safety verdict"), default=list)
    answer = models.JSONField(_("answer of the device"), default=dict, blank=True)
    history = models.JSONField(_("history"), default=list)
    principal = models.CharField(_("principal"), max_length=100)
    principal_label = models.CharField(_("by"), max_length=254)
    idempotency_key = models.CharField(_("idempotency key"), max_length=255)
    body_hash = models.CharField(max_length=64)
    requested_at = models.DateTimeField(_("requested"))
    not_before = models.DateTimeField(_("not before"))
    expires_at = models.DateTimeField(_("until"))
    finish_by = models.DateTimeField(
        _("answer until"), null=True, help_text=_("After the device has accepted it.")
    )
    sent_at = models.DateTimeField(_("sent"), null=True)
    delivered_at = models.DateTimeField(_("delivered"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("command")
        verbose_name_plural = _("commands")
        triggers = live_triggers.OF_COMMANDS
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "principal", "idempotency_key"], name="command_once"
            ),
            models.UniqueConstraint(fields=["tenant", "id"], name="command_tenant_id"),
        ]
        indexes = [
            models.Index(fields=["device", "-requested_at"], name="command_of_device"),
            models.Index(fields=["tenant", "-requested_at"], name="command_by_time"),
            models.Index(
                fields=["expires_at"],
                condition=models.Q(state__in=["queued", "sent", "ack"]),
                name="command_open",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def starts_something(self) -> bool:
        """Tell whether it switches on, or sets a value that is not nothing."""
        return self.effect == Effect.ON or (self.effect == Effect.SET and self.value != 0)

    @property
    def public_state(self) -> str:
        """The state in the words of the API."""
        return public_state(self.state, self.code)


class CommandBatchItem(TenantModel):
    """A device in a batch: waiting for its stage, commanded, or skipped with a reason."""

    batch = models.ForeignKey(
        CommandBatch, models.CASCADE, related_name="items", verbose_name=_("batch")
    )
    device = models.ForeignKey(
        "devices.Device", models.CASCADE, related_name="+", verbose_name=_("device")
    )
    stage = models.PositiveIntegerField(_("stage"))
    command = models.ForeignKey(
        Command, models.CASCADE, related_name="+", null=True, verbose_name=_("command")
    )
    skip_code = models.CharField(_("skipped because"), max_length=64, blank=True)
    skip_detail = models.CharField(_("detail"), max_length=1000, blank=True)

    class Meta:
        verbose_name = _("device in a batch")
        verbose_name_plural = _("devices in batches")
        constraints = [
            models.UniqueConstraint(fields=["batch", "device"], name="batch_device_once"),
        ]

    def __str__(self) -> str:
        return str(self.stage)


class CommandSecret(TenantModel):
    """With it commands to a device are signed; sealed, shown once when it is made."""

    device = models.OneToOneField(
        "devices.Device", models.CASCADE, related_name="command_secret", verbose_name=_("device")
    )
    sealed = models.TextField(_("secret"), editable=False)

    class Meta:
        verbose_name = _("command secret")
        verbose_name_plural = _("command secrets")

    def __str__(self) -> str:
        return "•••"

"""What waits to be sent to devices."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Wire(models.TextChoices):
    """Over what a message leaves; each wire has an owner of its own."""

    MQTT = "mqtt", "MQTT"
    MODBUS = "modbus", "Modbus"
    SERIAL = "serial", _("Serial")


class OutboundMessage(models.Model):
    """A message that the owner of its wire sends, then deletes.

    Written in the transaction of what it tells, so neither exists without the other. Carries
    the tenant only to be erased with it: an unclaimed box has none, and nobody reads this table
    but the sender. Times are UTC; larger `priority` goes first. `line_id`: of the Modbus bus or
    serial line over which it leaves, null for the broker.
    """

    id = models.BigAutoField(primary_key=True)
    tenant_id = models.UUIDField(_("tenant"), null=True, editable=False)
    command_id = models.UUIDField(_("command"), null=True, editable=False)
    wire = models.CharField(_("wire"), max_length=6, choices=Wire, default=Wire.MQTT)
    line_id = models.UUIDField(_("line"), null=True, editable=False)
    topic = models.CharField(_("topic"), max_length=512)
    payload = models.BinaryField(_("payload"))
    qos = models.PositiveSmallIntegerField(_("QoS"), default=1)
    is_retained = models.BooleanField(_("retained"), default=False)
    priority = models.SmallIntegerField(_("priority"), default=0)
    created_at = models.DateTimeField(_("created"))
    not_before = models.DateTimeField(_("not before"))
    expires_at = models.DateTimeField(_("until"), null=True)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)

    class Meta:
        verbose_name = _("outbound message")
        verbose_name_plural = _("outbound messages")
        indexes = [models.Index(fields=["-priority", "id"], name="outbound_in_order")]

    def __str__(self) -> str:
        return self.topic

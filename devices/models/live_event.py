"""What happens, for whoever watches: numbered, kept for a week."""

from __future__ import annotations

import uuid

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import TenantOwned
from devices.live_types import EventType
from devices.models.event import Severity


class LiveEvent(TenantOwned):
    """Something that happened, as WebSockets, the event stream and the API tell it.

    Triggers write it (`live_triggers`), in the transaction of what it tells. The live reactor
    gives `seq` after the commit: 1, 2, 3 … in each tenant, so that whoever knows a number can
    ask for what came after it. Objects are named by plain ids, which outlive them; those that
    are null concern the whole site, or the whole organisation. `payload` has at most a few kB.
    """

    id = models.BigAutoField(primary_key=True)
    event_id = models.UUIDField(_("event id"), default=uuid.uuid4, editable=False)
    seq = models.BigIntegerField(_("number"), null=True, editable=False)
    type = models.CharField(_("type"), max_length=20, choices=EventType)
    severity = models.CharField(
        _("severity"), max_length=10, choices=Severity, default=Severity.INFO
    )
    site_id = models.UUIDField(_("site"), null=True)
    gateway_id = models.UUIDField(_("gateway"), null=True)
    device_id = models.UUIDField(_("device"), null=True)
    payload = models.JSONField(_("content"), default=dict)
    occurred_at = models.DateTimeField(_("at"))
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("live event")
        verbose_name_plural = _("live events")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "seq"], name="live_event_number"),
        ]
        indexes = [
            models.Index(
                fields=["id"], condition=models.Q(seq__isnull=True), name="live_event_unnumbered"
            ),
            models.Index(fields=["device_id", "-seq"], name="live_event_of_device"),
            BrinIndex(fields=["created_at"], name="live_event_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.seq or self.event_id}"

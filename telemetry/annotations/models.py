"""Notes on a stretch of time."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models.history import keep_history
from accounts.tenancy import TenantModel

TEXT_LENGTH = 500


class Annotation(TenantModel):
    """What somebody knows about a moment or stretch of time at a site: "boiler repaired".

    Times are UTC; `end` is excluded, and None for a moment. With a device the note is about
    that device alone.
    """

    site = models.ForeignKey(
        "devices.Site", models.CASCADE, related_name="annotations", verbose_name=_("site")
    )
    device = models.ForeignKey(
        "devices.Device",
        models.CASCADE,
        related_name="annotations",
        null=True,
        blank=True,
        verbose_name=_("device"),
    )
    start = models.DateTimeField(_("from"))
    end = models.DateTimeField(_("to"), null=True, blank=True)
    text = models.CharField(_("text"), max_length=TEXT_LENGTH)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        related_name="+",
        null=True,
        editable=False,
        verbose_name=_("made by"),
    )
    made_by_label = models.CharField(_("name of who made it"), max_length=254, blank=True)

    class Meta:
        verbose_name = _("note")
        verbose_name_plural = _("notes")
        indexes = [models.Index(fields=["site", "start"], name="annotation_by_time")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(end__isnull=True) | models.Q(end__gt=models.F("start")),
                name="annotation_ends_after_start",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M} {self.text[:60]}"


keep_history(Annotation)

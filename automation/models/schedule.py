"""What is done at given times."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import TenantModel


class Schedule(TenantModel):
    """Does something at given times of a site.

    Example: "Morning watering", at 06:00 and 18:00 on weekdays. `definition`: see
    `schedules.definition`. `actions` are done at each run, and when a window begins;
    `end_actions` when it ends; see `actions`. `revision` counts changes of either.
    `position`: up to when its runs have been looked at; `next_at`: the next one, null: none.
    `control`: it belongs to a phase of the recipe that runs there, and goes with it.
    """

    name = models.CharField(_("name"), max_length=100)
    site = models.ForeignKey(
        "devices.Site", models.CASCADE, related_name="schedules", verbose_name=_("site")
    )
    zone = models.ForeignKey(
        "devices.Zone", models.CASCADE, null=True, blank=True, related_name="schedules",
        verbose_name=_("zone"), help_text=_("Its control mode then holds for the schedule."),
    )  # fmt: skip
    control = models.ForeignKey(
        "automation.ZoneControl", models.CASCADE, null=True, editable=False,
        related_name="schedules", verbose_name=_("of the recipe in"),
    )  # fmt: skip
    is_enabled = models.BooleanField(_("enabled"), default=True)
    definition = models.JSONField(_("times"))
    actions = models.JSONField(_("what is done"), default=list)
    end_actions = models.JSONField(
        _("what is done at the end"), default=list, blank=True, help_text=_("Of a window.")
    )
    revision = models.PositiveIntegerField(default=1, editable=False)
    position = models.DateTimeField(null=True, editable=False)
    next_at = models.DateTimeField(_("next time"), null=True, editable=False)

    class Meta:
        verbose_name = _("schedule")
        verbose_name_plural = _("schedules")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="schedule_name_per_tenant"),
            models.UniqueConstraint(fields=["tenant", "id"], name="schedule_tenant_id"),
        ]
        indexes = [
            models.Index(
                fields=["next_at"], condition=Q(is_enabled=True, next_at__isnull=False),
                name="schedule_due",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.name

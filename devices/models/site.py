"""Places."""

import math
import zoneinfo
from collections.abc import Collection

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import TenantModel
from devices.topic_segments import RESERVED_SEGMENTS, SEGMENT_PATTERN

SEGMENT = RegexValidator(
    rf"^{SEGMENT_PATTERN}$",
    _("Use 1 to 64 letters, digits, '.', ':', '_' or '-': it stands in MQTT topics."),
)
NOT_RESERVED = RegexValidator(
    rf"^(?:{'|'.join(sorted(RESERVED_SEGMENTS))})$",
    _("This word is reserved in topics."),
    inverse_match=True,
)


def validate_timezone(name: str) -> None:
    """Refuse a name that is no IANA time zone."""
    if name not in zoneinfo.available_timezones():
        raise ValidationError(
            _("%(name)s is no IANA time zone; use a name such as Europe/Istanbul."),
            code="unknown_timezone",
            params={"name": name},
        )


class Site(TenantModel):
    """A place with its own calendar and currency. Example: "Izmir plant", Europe/Istanbul, TRY."""

    name = models.CharField(_("name"), max_length=100)
    timezone = models.CharField(
        _("time zone"),
        max_length=64,
        default="UTC",
        validators=[validate_timezone],
        help_text=_("IANA name; days, weeks and months of reports follow it."),
    )
    currency = models.CharField(
        _("currency"), max_length=3, default="EUR", help_text=_("ISO 4217 code.")
    )
    address = models.CharField(_("address"), max_length=200, blank=True)
    latitude = models.FloatField(
        _("latitude"), null=True, blank=True,
        validators=[MinValueValidator(-90), MaxValueValidator(90)],
        help_text=_("Degrees north; for sunrise and sunset."),
    )  # fmt: skip
    longitude = models.FloatField(
        _("longitude"), null=True, blank=True,
        validators=[MinValueValidator(-180), MaxValueValidator(180)],
        help_text=_("Degrees east; for sunrise and sunset."),
    )  # fmt: skip

    class Meta:
        verbose_name = _("site")
        verbose_name_plural = _("sites")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="site_name_per_tenant"),
            models.UniqueConstraint(fields=["tenant", "id"], name="site_tenant_id"),
            models.CheckConstraint(
                condition=models.Q(currency__regex=r"^[A-Z]{3}$"), name="site_currency_iso"
            ),
            models.CheckConstraint(
                condition=models.Q(latitude__isnull=True, longitude__isnull=True)
                | models.Q(
                    latitude__gte=-90, latitude__lte=90, longitude__gte=-180, longitude__lte=180
                ),
                name="site_is_somewhere",
                violation_error_message=_("Give latitude and longitude, or neither."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean_fields(self, exclude: Collection[str] | None = None) -> None:
        """Check fields, and that coordinates are complete numbers."""
        super().clean_fields(exclude=exclude)
        given = [value for value in (self.latitude, self.longitude) if value is not None]
        if len(given) == 1 or not all(map(math.isfinite, given)):
            raise ValidationError(
                {"longitude": _("Give latitude and longitude, or neither.")}, code="half_a_place"
            )


class Zone(TenantModel):
    """A part of a site that is controlled as one. Example: "Greenhouse 2, north bench"."""

    site = models.ForeignKey(Site, models.CASCADE, related_name="zones", verbose_name=_("site"))
    name = models.CharField(_("name"), max_length=100)
    uid = models.CharField(
        _("identifier"),
        max_length=64,
        blank=True,
        validators=[SEGMENT],
        help_text=_("Name in topics such as hydro/{gateway}/{zone}/…; blank: none."),
    )

    class Meta:
        verbose_name = _("zone")
        verbose_name_plural = _("zones")
        constraints = [
            models.UniqueConstraint(fields=["site", "name"], name="zone_name_per_site"),
            models.UniqueConstraint(
                fields=["site", "uid"], condition=~models.Q(uid=""), name="zone_uid_per_site"
            ),
            models.UniqueConstraint(fields=["tenant", "id"], name="zone_tenant_id"),
        ]

    def __str__(self) -> str:
        return self.name

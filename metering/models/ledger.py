"""The ledger. Its rows carry no tenant, like samples: they are read through their register."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import TenantModel, TenantOwned
from metering.ledger.kinds import Judgement


def _register() -> models.ForeignKey[Any, Any]:
    return models.ForeignKey(
        "metering.Register", models.DO_NOTHING, related_name="+", db_constraint=False,
        db_index=False,
    )  # fmt: skip


class Reading(models.Model):
    """A quarter hour of a register: amount = end_register − begin_register + adjustment.

    All in millionths of the meter's unit. `adjustment`: what resets, rollovers and changes of
    meters add to the difference, and what was withheld takes away.
    """

    register = _register()
    start = models.DateTimeField()
    amount = models.BigIntegerField()
    begin_register = models.BigIntegerField(null=True)
    end_register = models.BigIntegerField(null=True)
    adjustment = models.BigIntegerField()
    grade = models.SmallIntegerField()
    method = models.SmallIntegerField()
    is_open = models.BooleanField()
    revision = models.SmallIntegerField()
    recorded_at = models.DateTimeField()

    class Meta:
        abstract = True


class IntervalReading(Reading):
    """What is known now. Partitioned by month; the migration creates it."""

    pk = models.CompositePrimaryKey("register_id", "start")

    class Meta:
        managed = False
        db_table = "metering_interval"

    def __str__(self) -> str:
        return f"{self.register_id} {self.start:%Y-%m-%d %H:%M} {self.amount}"


class PastReading(Reading):
    """What was known before, until `superseded_at`."""

    pk = models.CompositePrimaryKey("register_id", "start", "revision")
    superseded_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "metering_interval_past"

    def __str__(self) -> str:
        return f"{self.register_id} {self.start:%Y-%m-%d %H:%M} #{self.revision}"


class RegisterDay(models.Model):
    """A local day of a register: sums of its quarters, in millionths of the unit.

    `estimated`: the part that is estimated or booked by people, in `estimated_quarters`, of
    which `manual_quarters` are booked. `prorated_quarters`: measured over a longer time.
    `peak`: of a quarter hour. A day whose quarters are gone stays, with none.
    """

    pk = models.CompositePrimaryKey("register_id", "day")
    register = _register()
    day = models.DateField()
    amount = models.BigIntegerField()
    quarters = models.SmallIntegerField()
    estimated = models.BigIntegerField()
    estimated_quarters = models.SmallIntegerField()
    prorated_quarters = models.SmallIntegerField(db_default=0)
    manual_quarters = models.SmallIntegerField(db_default=0)
    peak = models.BigIntegerField()
    peak_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        db_table = "metering_day"

    def __str__(self) -> str:
        return f"{self.register_id} {self.day} {self.amount}"


class LedgerState(models.Model):
    """How far a register has been built, and from where it goes on.

    `tail_time` (µs), `tail_register` (millionths): an accepted sample before the newest closed
    quarter. `built_until`: µs of the newest sample that is in the ledger. `zone`: in which days
    are summed up.
    """

    register = models.OneToOneField(
        "metering.Register", models.CASCADE, primary_key=True, related_name="state"
    )
    feed = models.ForeignKey("metering.RegisterFeed", models.CASCADE, null=True, related_name="+")
    tail_time = models.BigIntegerField(null=True)
    tail_register = models.BigIntegerField(null=True)
    built_until = models.BigIntegerField(null=True)
    pending = models.IntegerField(db_default=0)
    zone = models.CharField(max_length=64, db_default="")
    built_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "metering_ledger_state"

    def __str__(self) -> str:
        return f"{self.register_id} {self.built_until}"


class Checkpoint(models.Model):
    """The last accepted sample of a UTC day, from where the ledger can be built again."""

    pk = models.CompositePrimaryKey("feed_id", "day")
    feed = models.ForeignKey(
        "metering.RegisterFeed", models.CASCADE, related_name="+", db_index=False
    )
    day = models.IntegerField()
    time = models.BigIntegerField()
    register = models.BigIntegerField()

    class Meta:
        db_table = "metering_checkpoint"

    def __str__(self) -> str:
        return f"{self.feed_id} {self.day}"


class LedgerMark(models.Model):
    """A stretch of time in which a register is due: µs since 1970, [start, end].

    `failures`: builds of it that broke; the next one waits until `due_at`.
    """

    id = models.BigAutoField(primary_key=True)
    register = models.ForeignKey("metering.Register", models.CASCADE, related_name="+")
    start = models.BigIntegerField()
    end = models.BigIntegerField()
    due_at = models.DateTimeField(db_default=Now())
    failures = models.SmallIntegerField(db_default=0)

    class Meta:
        db_table = "metering_ledger_mark"

    def __str__(self) -> str:
        return f"{self.register_id} {self.start}"


class LedgerDecision(TenantOwned):
    """What was decided about samples that do not simply continue; see `ledger.kinds`.

    Registers and amounts in millionths. A decision that no longer holds keeps its row with
    `superseded_at`. `kept_at`: since when a person says that what is withheld was never used.
    """

    id = models.BigAutoField(primary_key=True)
    register = models.ForeignKey(
        "metering.Register", models.CASCADE, related_name="decisions", verbose_name=_("register")
    )
    kind = models.CharField(
        _("kind"), max_length=12, choices=[(kind.value, kind.value) for kind in Judgement]
    )
    time = models.DateTimeField(_("from"))
    until = models.DateTimeField(_("to"))
    before = models.BigIntegerField(_("register before"))
    after = models.BigIntegerField(_("register after"))
    booked = models.BigIntegerField(_("booked"))
    withheld = models.BigIntegerField(_("withheld"))
    count = models.IntegerField(_("samples set aside"))
    recorded_at = models.DateTimeField(_("recorded"))
    superseded_at = models.DateTimeField(_("no longer holds since"), null=True, blank=True)
    kept_at = models.DateTimeField(_("kept out since"), null=True, blank=True)
    kept_reason = models.CharField(
        _("why it is kept out"), max_length=300, blank=True, db_default=""
    )

    class Meta:
        db_table = "metering_decision"
        verbose_name = _("decision of the ledger")
        verbose_name_plural = _("decisions of the ledger")
        indexes = [models.Index(fields=["register", "time"], name="metering_decision_time")]

    def __str__(self) -> str:
        return f"{self.kind} {self.time:%Y-%m-%d %H:%M}"


class LedgerBooking(TenantModel):
    """An amount that a person books for [start, end), or takes away if it is negative.

    Such as what a quarantined jump was worth, or a reading from paper. In millionths.
    """

    register = models.ForeignKey(
        "metering.Register", models.CASCADE, related_name="bookings", verbose_name=_("register")
    )
    start = models.DateTimeField(_("from"))
    end = models.DateTimeField(_("to"))
    amount = models.BigIntegerField(_("amount"))
    reason = models.CharField(_("reason"), max_length=300)

    class Meta:
        verbose_name = _("booking by a person")
        verbose_name_plural = _("bookings by people")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(end__gt=models.F("start")), name="ledger_booking_in_order"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.register_id} {self.start:%Y-%m-%d %H:%M} {self.amount}"

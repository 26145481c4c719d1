"""How meters look in the API. Amounts are decimal strings: they are billed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from rest_framework import serializers

from accounts.api.pagination import PageParams
from accounts.api.params import Params
from metering.ledger.flows import Integration, Part
from metering.ledger.kinds import Judgement
from metering.models import (
    Commodity,
    LedgerBooking,
    LedgerDecision,
    Meter,
    MeterInstallation,
    Quantity,
    Role,
)
from metering.queries.readings import STEPS
from metering.series import to_decimal
from metering.words import explain_decision

QUANTITIES = Quantity.choices
PARTS = [(part.value, part.value) for part in Part]
INTEGRATIONS = [(one.value, one.value) for one in Integration]
KINDS = [(kind.value, kind.value) for kind in Judgement]


def amount_field(**options: Any) -> serializers.DecimalField:
    """Return a field of an amount or a register, six digits after the point."""
    return serializers.DecimalField(max_digits=20, decimal_places=6, **options)


class TermSerializer(serializers.Serializer):
    """One meter in the sum of a computed one."""

    meter = serializers.UUIDField()
    factor = serializers.DecimalField(max_digits=9, decimal_places=6, default=Decimal(1))


class MeterSerializer(serializers.Serializer):
    """A point of metering that outlives its devices."""

    id = serializers.UUIDField()
    site = serializers.UUIDField()
    name = serializers.CharField()
    commodity = serializers.ChoiceField(choices=Commodity.choices)
    role = serializers.ChoiceField(choices=Role.choices)
    unit = serializers.CharField()
    parent = serializers.UUIDField(allow_null=True)  # type: ignore[assignment]
    is_virtual = serializers.BooleanField()
    accuracy_percent = serializers.DecimalField(max_digits=4, decimal_places=2)
    most_per_hour = serializers.DecimalField(max_digits=12, decimal_places=3)
    contracted_kw = serializers.DecimalField(max_digits=10, decimal_places=3, allow_null=True)
    is_active = serializers.BooleanField()
    quantities = serializers.ListField(child=serializers.ChoiceField(choices=QUANTITIES))
    terms = TermSerializer(many=True)


class MeterListParams(PageParams):
    """Which meters."""

    ordering = serializers.ChoiceField(choices=["name", "-name"], default="name")
    site = serializers.UUIDField(required=False)
    commodity = serializers.ChoiceField(choices=Commodity.choices, required=False)


class MeterBody(Params):
    """What a meter shall be."""

    name = serializers.CharField(max_length=100)
    commodity = serializers.ChoiceField(choices=Commodity.choices, default=Commodity.ELECTRICITY)
    role = serializers.ChoiceField(choices=Role.choices, default=Role.LOAD)
    parent = serializers.UUIDField(allow_null=True, default=None)  # type: ignore[assignment]
    accuracy_percent = serializers.DecimalField(
        max_digits=4, decimal_places=2, allow_null=True, default=None
    )
    most_per_hour = serializers.DecimalField(
        max_digits=12, decimal_places=3, allow_null=True, default=None,
        help_text="Of its unit; more is never booked without a person.",
    )  # fmt: skip
    contracted_kw = serializers.DecimalField(
        max_digits=10, decimal_places=3, allow_null=True, default=None
    )
    is_active = serializers.BooleanField(default=True)
    terms = TermSerializer(many=True, default=list)


class SourceSerializer(serializers.Serializer):
    """The metric of a device that feeds a register."""

    quantity = serializers.ChoiceField(choices=QUANTITIES, default=Quantity.IMPORT)
    device = serializers.UUIDField()
    metric = serializers.CharField(max_length=64)
    initial = amount_field(
        allow_null=True, default=None, help_text="What the register showed when it was installed."
    )
    part = serializers.ChoiceField(choices=PARTS, default=Part.ALL.value)
    integration = serializers.ChoiceField(choices=INTEGRATIONS, default=Integration.TRAPEZOID.value)


class HardwareSerializer(serializers.Serializer):
    """What hangs on the wall: register × ratios × multiplier = the unit of the meter."""

    serial = serializers.CharField(max_length=64, allow_blank=True, default="")
    ct_ratio = serializers.DecimalField(max_digits=10, decimal_places=4, default=Decimal(1))
    vt_ratio = serializers.DecimalField(max_digits=10, decimal_places=4, default=Decimal(1))
    multiplier = serializers.DecimalField(max_digits=14, decimal_places=8, default=Decimal(1))
    digits = serializers.IntegerField(min_value=3, max_value=12, allow_null=True, default=None)
    wraps_at = amount_field(allow_null=True, default=None)


class NewMeterBody(MeterBody):
    """A meter to be made; its past is built from what is stored."""

    site = serializers.UUIDField()
    sources = SourceSerializer(many=True, default=list)
    hardware = HardwareSerializer(default=dict)
    installed_at = serializers.DateTimeField(
        default=None, allow_null=True, help_text="Without it from the first sample on."
    )


class FinalSerializer(serializers.Serializer):
    """What an old register showed at the end."""

    quantity = serializers.ChoiceField(choices=QUANTITIES, default=Quantity.IMPORT)
    register = amount_field()


class ReplacementBody(Params):
    """A change of the hardware."""

    removed_at = serializers.DateTimeField()
    installed_at = serializers.DateTimeField(default=None, allow_null=True)
    finals = FinalSerializer(many=True, default=list)
    hardware = HardwareSerializer(default=dict)
    sources = SourceSerializer(many=True, allow_empty=False)


class FeedSerializer(serializers.Serializer):
    """A channel that fed a register."""

    quantity = serializers.ChoiceField(choices=QUANTITIES)
    device = serializers.UUIDField(allow_null=True, help_text="null: it was deleted.")
    metric = serializers.CharField(allow_null=True)
    initial = amount_field(allow_null=True)
    final = amount_field(allow_null=True)
    part = serializers.ChoiceField(choices=PARTS)


class InstallationSerializer(serializers.Serializer):
    """Hardware, from when to when."""

    id = serializers.UUIDField()
    installed_at = serializers.DateTimeField()
    removed_at = serializers.DateTimeField(allow_null=True)
    hardware = HardwareSerializer()
    feeds = FeedSerializer(many=True)


class DecisionListParams(PageParams):
    """Which decisions."""

    ordering = serializers.ChoiceField(choices=["-time", "time"], default="-time")
    kind = serializers.ChoiceField(choices=KINDS, required=False)
    past = serializers.BooleanField(default=False, help_text="Also those that no longer hold.")


class DecisionSerializer(serializers.Serializer):
    """What was decided about samples that do not simply continue."""

    id = serializers.IntegerField()
    quantity = serializers.ChoiceField(choices=QUANTITIES)
    kind = serializers.ChoiceField(choices=KINDS)
    time = serializers.DateTimeField()
    until = serializers.DateTimeField()
    before = amount_field()
    after = amount_field()
    booked = amount_field()
    withheld = amount_field()
    samples_set_aside = serializers.IntegerField()
    text = serializers.CharField()
    superseded_at = serializers.DateTimeField(allow_null=True)
    kept_at = serializers.DateTimeField(
        allow_null=True, help_text="Since when a person says that it was never used."
    )
    kept_reason = serializers.CharField()


class KeepBody(Params):
    """Why what was withheld is none."""

    reason = serializers.CharField(max_length=300)


class BookingListParams(PageParams):
    """Which bookings."""

    ordering = serializers.ChoiceField(choices=["-start", "start"], default="-start")


class BookingBody(Params):
    """An amount for a time; or a decision whose withheld amount is to be booked."""

    quantity = serializers.ChoiceField(choices=QUANTITIES, default=Quantity.IMPORT)
    start = serializers.DateTimeField(required=False)
    end = serializers.DateTimeField(required=False)
    amount = amount_field(required=False, help_text="In the meter's unit; negative takes away.")
    decision = serializers.IntegerField(required=False, min_value=1)
    reason = serializers.CharField(max_length=300)


class BookingSerializer(serializers.Serializer):
    """What a person booked."""

    id = serializers.UUIDField()
    quantity = serializers.ChoiceField(choices=QUANTITIES)
    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    amount = amount_field()
    reason = serializers.CharField()


class ReadingParams(Params):
    """Which amounts."""

    def get_fields(self) -> dict[str, Any]:
        """Name the period as elsewhere; `from` is no name in Python."""
        times = {
            "from": serializers.CharField(
                max_length=40, default="now-1d/d",
                help_text="`now-7d/d`, RFC 3339 or a local date of the site.",
            ),
            "to": serializers.CharField(max_length=40, default="now"),
        }  # fmt: skip
        return {**times, **super().get_fields()}

    quantity = serializers.ChoiceField(choices=QUANTITIES, default=Quantity.IMPORT)
    step = serializers.ChoiceField(choices=list(STEPS), default="hour")
    as_of = serializers.DateTimeField(required=False, help_text="What was known at that moment.")
    bom = serializers.BooleanField(
        default=False, help_text="Begin CSV with a byte order mark, as Excel wants it."
    )
    sep = serializers.ChoiceField(
        choices=["comma", "semicolon", "tab"], default="comma", help_text="Separator of CSV."
    )


class SharesSerializer(serializers.Serializer):
    """Shares of quarters by how they are known; they add up to 1."""

    measured = serializers.FloatField()
    prorated = serializers.FloatField()
    estimated = serializers.FloatField()
    manual = serializers.FloatField()
    missing = serializers.FloatField()


class ReadingSerializer(serializers.Serializer):
    """The amount of a time; null where nothing is known."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    amount = amount_field(allow_null=True)
    quality = SharesSerializer()
    revision = serializers.IntegerField()


class ReadingsSerializer(serializers.Serializer):
    """Amounts of a meter."""

    meter = serializers.UUIDField()
    quantity = serializers.ChoiceField(choices=QUANTITIES)
    unit = serializers.CharField()
    step = serializers.ChoiceField(choices=list(STEPS))
    tz = serializers.CharField()
    as_of = serializers.DateTimeField(allow_null=True)
    readings = ReadingSerializer(many=True)


def describe_meter(meter: Meter) -> dict[str, Any]:
    """Return the members of a meter, of `queries.meters.list_meters`."""
    return {
        "id": meter.id,
        "site": meter.site_id,
        "name": meter.name,
        "commodity": meter.commodity,
        "role": meter.role,
        "unit": meter.unit,
        "parent": meter.parent_id,
        "is_virtual": meter.is_virtual,
        "accuracy_percent": str(meter.accuracy),
        "most_per_hour": str(meter.most),
        "contracted_kw": None if meter.contracted_kw is None else str(meter.contracted_kw),
        "is_active": meter.is_active,
        "quantities": [register.quantity for register in meter.registers.all()],
        "terms": [
            {"meter": term.meter_id, "factor": str(term.factor)} for term in meter.terms.all()
        ],
    }


def describe_installation(found: MeterInstallation) -> dict[str, Any]:
    """Return the members of an installation."""
    return {
        "id": found.id,
        "installed_at": found.installed_at,
        "removed_at": found.removed_at,
        "hardware": HardwareSerializer(found).data,
        "feeds": [
            {
                "quantity": feed.register.quantity,
                "device": feed.channel and feed.channel.device_id,
                "metric": feed.channel and feed.channel.name,
                "initial": None if feed.initial is None else str(feed.initial),
                "final": None if feed.final is None else str(feed.final),
                "part": feed.part,
            }
            for feed in found.feeds.all()
        ],
    }


def describe_decision(decision: LedgerDecision) -> dict[str, Any]:
    """Return the members of a decision."""
    amounts = {
        name: str(to_decimal(getattr(decision, name)))
        for name in ("before", "after", "booked", "withheld")
    }
    return {
        "id": decision.id,
        "quantity": decision.register.quantity,
        "kind": decision.kind,
        "time": decision.time,
        "until": decision.until,
        **amounts,
        "samples_set_aside": decision.count,
        "text": explain_decision(decision, decision.register.meter.unit),
        "superseded_at": decision.superseded_at,
        "kept_at": decision.kept_at,
        "kept_reason": decision.kept_reason,
    }


def describe_booking(booking: LedgerBooking) -> dict[str, Any]:
    """Return the members of a booking."""
    return {
        "id": booking.id,
        "quantity": booking.register.quantity,
        "start": booking.start,
        "end": booking.end,
        "amount": str(to_decimal(booking.amount)),
        "reason": booking.reason,
    }

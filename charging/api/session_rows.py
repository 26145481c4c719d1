"""How sessions, receipts, tags and prices look in the API."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.api.pagination import PageParams
from accounts.api.params import Params
from charging.models import ChargingEvent, ChargingPrice, ChargingSession, EndReason, IdTag
from charging.models import SessionState as State
from charging.words import estimate_words, event_name, event_note

END_REASONS = ["none", *EndReason.values]
LINE_KINDS = ("energy", "session", "idle", "rounding")


class SessionListParams(PageParams):
    """Which sessions."""

    site = serializers.UUIDField(required=False)
    charge_point = serializers.UUIDField(required=False)
    tag = serializers.UUIDField(required=False, help_text="Id of a tag.")
    state = serializers.ChoiceField(choices=State.choices, required=False)
    open = serializers.BooleanField(required=False, allow_null=True, default=None)
    start = serializers.DateTimeField(required=False, help_text="Began at or after.")
    end = serializers.DateTimeField(required=False, help_text="Began before.")
    q = serializers.CharField(max_length=100, default="", help_text="Part of tag or person.")
    ordering = serializers.ChoiceField(choices=["started_at", "-started_at"], default="-started_at")


class SessionRow(serializers.ModelSerializer):
    """A session. Times are UTC, energy in kWh, cost with VAT as text with two digits."""

    charge_point = serializers.UUIDField(source="connector.charge_point_id")
    connector = serializers.IntegerField(source="connector.number")
    site = serializers.UUIDField(source="connector.charge_point.site_id")
    tag = serializers.UUIDField(source="id_tag_id", allow_null=True)
    state = serializers.ChoiceField(choices=State.choices)
    end_reason = serializers.SerializerMethodField()
    register_start = serializers.FloatField(allow_null=True)
    register_end = serializers.FloatField(allow_null=True)
    energy_kwh = serializers.FloatField(allow_null=True)
    estimated_because = serializers.SerializerMethodField(
        help_text="In the language of the request; blank: measured."
    )
    cost = serializers.DecimalField(max_digits=14, decimal_places=2, allow_null=True)

    class Meta:
        model = ChargingSession
        fields = (
            "id", "charge_point", "connector", "site", "tag", "tag_uid", "principal_label",
            "state", "since", "started_at", "charging_at", "stopped_at", "ended_at", "end_reason",
            "end_detail", "register_start", "register_end", "energy_kwh", "is_estimated",
            "estimated_because", "energised_seconds", "peak_kw", "cost", "currency",
            "receipt_number", "settled_at",
        )  # fmt: skip

    def get_end_reason(self, row: Any) -> str:
        """Return why it ended; none while it is open."""
        return row.end_reason or END_REASONS[0]

    def get_estimated_because(self, row: Any) -> str:
        """Return why the energy is an estimate."""
        return estimate_words(row.estimate_note) if row.is_estimated else ""


class ChargingEventRow(serializers.ModelSerializer):
    """Something that happened. `words` and `note` are in the language of the request."""

    words = serializers.SerializerMethodField()
    note = serializers.SerializerMethodField()

    class Meta:
        model = ChargingEvent
        fields = ("kind", "at", "from_state", "to_state", "is_inferred", "words", "note")

    def get_words(self, row: Any) -> str:
        """Return what happened."""
        return event_name(row.kind)

    def get_note(self, row: Any) -> str:
        """Return what more is known."""
        return event_note(row)


class SessionDetailRow(SessionRow):
    """A session with its price and what happened."""

    price = serializers.DictField(help_text="The price of the moment in which it began.")
    events = serializers.SerializerMethodField()

    class Meta(SessionRow.Meta):
        fields = (*SessionRow.Meta.fields, "price", "events")  # type: ignore[assignment]

    def get_events(self, row: Any) -> list[dict[str, Any]]:
        """Return what happened, in order."""
        return list(ChargingEventRow(self.context["events"], many=True).data)


class ReceiptLineRow(serializers.Serializer):
    """A line of a receipt; `quantity` is in kWh, sessions or minutes, as `kind` says."""

    kind = serializers.ChoiceField(choices=LINE_KINDS)
    quantity = serializers.DecimalField(max_digits=20, decimal_places=6)
    price = serializers.DecimalField(max_digits=14, decimal_places=5)
    amount = serializers.DecimalField(max_digits=14, decimal_places=2)


class ReceiptRow(serializers.Serializer):
    """A receipt. Amounts are texts; the lines add up to `total`, and `net` + `vat` is `total`."""

    session = serializers.UUIDField(source="session.id")
    number = serializers.IntegerField()
    issued_at = serializers.DateTimeField()
    is_final = serializers.BooleanField(help_text="No late sample changes it any more.")
    seller = serializers.CharField()
    place = serializers.CharField()
    price_name = serializers.CharField(allow_blank=True)
    is_estimated = serializers.BooleanField(source="session.is_estimated")
    lines = ReceiptLineRow(many=True)
    net = serializers.DecimalField(max_digits=14, decimal_places=2)
    vat_percent = serializers.DecimalField(max_digits=5, decimal_places=2)
    vat = serializers.DecimalField(max_digits=14, decimal_places=2)
    total = serializers.DecimalField(max_digits=14, decimal_places=2)
    currency = serializers.CharField()


class TagListParams(PageParams):
    """Which tags."""

    q = serializers.CharField(
        max_length=100, default="", help_text="Part of identifier, label or group."
    )
    blocked = serializers.BooleanField(required=False, allow_null=True, default=None)
    ordering = serializers.ChoiceField(
        choices=["uid", "-uid", "created_at", "-created_at"], default="uid"
    )


class TagRow(serializers.ModelSerializer):
    """A tag. `kwh_quota` is for a calendar month of the site."""

    user = serializers.UUIDField(source="user_id", allow_null=True)
    site = serializers.UUIDField(source="site_id", allow_null=True)
    kwh_quota = serializers.FloatField(allow_null=True)

    class Meta:
        model = IdTag
        fields = (
            "id", "uid", "label", "user", "site", "group", "is_blocked", "valid_from",
            "valid_until", "max_active", "kwh_quota", "created_at", "updated_at",
        )  # fmt: skip


class TagPatch(Params):
    """Changes of a tag."""

    uid = serializers.RegexField(r"^[A-Za-z0-9:._-]{1,64}\Z", required=False)
    label = serializers.CharField(max_length=100, required=False, allow_blank=True)  # type: ignore[assignment]
    user = serializers.UUIDField(required=False, allow_null=True, help_text="A member.")
    site = serializers.UUIDField(required=False, allow_null=True, help_text="Null: all sites.")
    group = serializers.CharField(max_length=64, required=False, allow_blank=True)
    is_blocked = serializers.BooleanField(required=False)
    valid_from = serializers.DateTimeField(required=False, allow_null=True)
    valid_until = serializers.DateTimeField(required=False, allow_null=True)
    max_active = serializers.IntegerField(min_value=1, max_value=100, required=False)
    kwh_quota = serializers.DecimalField(
        max_digits=10, decimal_places=3, min_value=0, required=False, allow_null=True
    )


class TagBody(TagPatch):
    """A new tag."""

    uid = serializers.RegexField(r"^[A-Za-z0-9:._-]{1,64}\Z")


class PriceListParams(PageParams):
    """Which prices."""

    q = serializers.CharField(max_length=100, default="", help_text="Part of the name.")
    ordering = serializers.ChoiceField(
        choices=["name", "-name", "created_at", "-created_at"], default="name"
    )


class PriceRow(serializers.ModelSerializer):
    """A price; amounts are texts and include VAT."""

    class Meta:
        model = ChargingPrice
        fields = (
            "id", "name", "currency", "energy_price", "session_fee", "idle_fee",
            "idle_grace_minutes", "vat_percent", "created_at", "updated_at",
        )  # fmt: skip


def _amount(decimals: int, **options: Any) -> serializers.DecimalField:
    return serializers.DecimalField(
        max_digits=12, decimal_places=decimals, min_value=0, required=False, **options
    )


class PricePatch(Params):
    """Changes of a price; they hold for sessions that begin from now on."""

    name = serializers.CharField(max_length=100, required=False)
    currency = serializers.RegexField(r"^[A-Za-z]{3}\Z", required=False)
    energy_price = _amount(5)
    session_fee = _amount(4)
    idle_fee = _amount(4)
    idle_grace_minutes = serializers.IntegerField(min_value=0, max_value=100_000, required=False)
    vat_percent = serializers.DecimalField(
        max_digits=5, decimal_places=2, min_value=0, max_value=100, required=False
    )


class PriceBody(PricePatch):
    """A new price."""

    name = serializers.CharField(max_length=100)
    currency = serializers.RegexField(r"^[A-Za-z]{3}\Z")

"""How charge points look in the API, and what bodies may hold."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.api.pagination import PageParams
from accounts.api.params import Params
from charging.models import ChargePoint, Connector, ConnectorState
from charging.pages.offers import MIN_AMPS
from charging.queries.pages_points import line_of
from charging.words import state_name, trouble_of
from devices.models import SerialLine, WireState

STATE_NAMES = ["unknown", *(one.name.lower() for one in ConnectorState)]


class ChargePointListParams(PageParams):
    """Which charge points."""

    site = serializers.UUIDField(required=False)
    q = serializers.CharField(max_length=100, default="", help_text="Part of the name.")
    ordering = serializers.ChoiceField(
        choices=["name", "-name", "created_at", "-created_at"], default="name"
    )


class ChargePointRow(serializers.ModelSerializer):
    """A charge point. `link` is the state of the wire to its controller; unknown without one."""

    site = serializers.UUIDField(source="site_id")
    device = serializers.UUIDField(source="device_id")
    price = serializers.UUIDField(source="price_id", allow_null=True)
    access = serializers.ChoiceField(choices=ChargePoint.Access.choices)
    phases = serializers.IntegerField()
    link = serializers.SerializerMethodField()

    class Meta:
        model = ChargePoint
        fields = (
            "id", "name", "site", "device", "max_current_a", "phases", "voltage_v", "access",
            "price", "connection_timeout_s", "link", "created_at", "updated_at",
        )  # fmt: skip

    def get_link(self, row: Any) -> str:
        """Return the state of the wire."""
        line = line_of(row)
        return str(line.state if line else WireState.UNKNOWN)


class ChargePointPatch(Params):
    """Changes of the rules of a charge point."""

    name = serializers.CharField(max_length=100, required=False)
    max_current_a = serializers.IntegerField(min_value=6, max_value=80, required=False)
    access = serializers.ChoiceField(choices=ChargePoint.Access.choices, required=False)
    price = serializers.UUIDField(required=False, allow_null=True)
    connection_timeout_s = serializers.IntegerField(min_value=10, max_value=3600, required=False)


class ConnectorRow(serializers.ModelSerializer):
    """A connector as last seen. `is_fresh`: heard within ten seconds. `session`: the open one."""

    state = serializers.SerializerMethodField()
    state_code = serializers.IntegerField(source="state", allow_null=True)
    words = serializers.SerializerMethodField(help_text="The state in the language of the request.")
    trouble = serializers.SerializerMethodField(help_text="What is wrong; blank: nothing.")
    advice = serializers.SerializerMethodField(help_text="What to do about it.")
    is_fresh = serializers.SerializerMethodField()
    session = serializers.SerializerMethodField()

    class Meta:
        model = Connector
        fields = (
            "id", "number", "state", "state_code", "words", "state_since", "seen_at", "is_fresh",
            "pilot", "fault", "trouble", "advice", "current_limit_a", "cable_a", "is_locked",
            "is_relay_on", "is_authorised", "session",
        )  # fmt: skip

    def get_state(self, row: Any) -> str:
        """Return the name of the state, such as charging."""
        known = row.state in ConnectorState.values
        return ConnectorState(row.state).name.lower() if known else STATE_NAMES[0]

    def get_words(self, row: Any) -> str:
        """Return the state for people."""
        return state_name(row.state)

    def get_trouble(self, row: Any) -> str:
        """Return what is wrong."""
        return (trouble_of(row.state, row.fault, row.pilot) or ("", ""))[0]

    def get_advice(self, row: Any) -> str:
        """Return what to do."""
        return (trouble_of(row.state, row.fault, row.pilot) or ("", ""))[1]

    def get_is_fresh(self, row: Any) -> bool:
        """Tell whether the controller was heard just now."""
        now, fresh = self.context["now"], self.context["fresh"]
        return row.seen_at is not None and now - row.seen_at <= fresh

    def get_session(self, row: Any) -> str | None:
        """Return the id of the open session."""
        session = self.context["sessions"].get(row.id)
        return str(session.id) if session else None


class ChargePointDetailRow(ChargePointRow):
    """A charge point with its connectors."""

    connectors = serializers.SerializerMethodField()

    class Meta(ChargePointRow.Meta):
        fields = (*ChargePointRow.Meta.fields, "connectors")  # type: ignore[assignment]

    def get_connectors(self, row: Any) -> list[dict[str, Any]]:
        """Return the connectors by number."""
        return list(ConnectorRow(self.context["rows"], many=True, context=self.context).data)


class StationStatus(serializers.Serializer):
    """What a charge point does now."""

    id = serializers.UUIDField()
    link = serializers.ChoiceField(choices=WireState.choices)
    link_since = serializers.DateTimeField(allow_null=True)
    connectors = ConnectorRow(many=True)


class StationAbout(serializers.Serializer):
    """What a charge point is."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    site = serializers.UUIDField()
    site_name = serializers.CharField()
    device = serializers.UUIDField()
    uid = serializers.CharField(help_text="Of the device.")
    max_current_a = serializers.IntegerField()
    phases = serializers.IntegerField()
    voltage_v = serializers.IntegerField()
    access = serializers.ChoiceField(choices=ChargePoint.Access.choices)
    protocol = serializers.ChoiceField(choices=[*SerialLine.Protocol.values, "none"])
    firmware = serializers.CharField(allow_blank=True)
    connectors = serializers.IntegerField()


class PlaceMeter(serializers.Serializer):
    """The meter in front of a connector. Energy in kWh, power in kW; null: not measured."""

    connector = serializers.IntegerField()
    energy_kwh = serializers.FloatField(allow_null=True)
    energy_at = serializers.DateTimeField(allow_null=True)
    power_kw = serializers.FloatField(allow_null=True)
    power_at = serializers.DateTimeField(allow_null=True)


class StationMeter(serializers.Serializer):
    """The meters of a charge point."""

    id = serializers.UUIDField()
    connectors = PlaceMeter(many=True)


class PlaceCurrent(serializers.Serializer):
    """How much a vehicle may draw at a connector, in A."""

    connector = serializers.IntegerField()
    limit_a = serializers.FloatField(allow_null=True, help_text="The limit that holds.")
    cable_a = serializers.FloatField(allow_null=True, help_text="What the plugged cable bears.")
    available_a = serializers.FloatField(help_text="The largest limit that makes sense now.")


class StationCurrent(serializers.Serializer):
    """The limits of a charge point."""

    id = serializers.UUIDField()
    min_a = serializers.IntegerField()
    max_a = serializers.IntegerField()
    connectors = PlaceCurrent(many=True)


class ConnectorBody(Params):
    """Which connector."""

    connector = serializers.IntegerField(
        min_value=1, max_value=32, default=1, help_text="Number of the connector."
    )


class ChargingBody(ConnectorBody):
    """Who charges where."""

    tag = serializers.RegexField(
        r"^[A-Za-z0-9:._-]{1,64}\Z", default="", allow_blank=True,
        help_text="Identifier of a known tag; blank: whoever asks.",
    )  # fmt: skip


class LimitBody(ConnectorBody):
    """A limit of the current."""

    amps = serializers.IntegerField(
        min_value=MIN_AMPS, max_value=80,
        help_text="From 6 A to the largest current of the charge point.",
    )  # fmt: skip

"""What a reason of rejection means, and what to do about it, in one sentence."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

_REGISTER = _("Register the device or channel, then replay.")
_TOPIC = _("Correct the topic on the device. Such a message cannot be replayed with success.")
_PAYLOAD = _("Correct what the device sends, or the mapping of its type, then replay.")
_CLOCK = _("Check the device's clock, or let its type accept wrong clocks, then replay.")

_ADVICE: dict[str, Promise] = {
    **dict.fromkeys(("unknown_gateway", "unknown_device", "unknown_metric"), _REGISTER),
    **dict.fromkeys(
        (
            "unknown_topic", "unsafe_segment", "reserved_segment", "topic_too_long",
            "bad_tenant_id", "bad_device_id", "foreign_tenant", "foreign_transport",
        ),
        _TOPIC,
    ),
    **dict.fromkeys(
        ("bad_time", "naive_time", "time_in_future", "time_too_old"), _CLOCK
    ),
    "quota": _("More came than the plan allows in a minute. Replaying is not counted."),
    "conflicting_value": _("Another value is stored for the same time; it stays."),
    "unknown_alias": _("The node's birth message was not seen. Replay after its next birth."),
    "bad_checksum": _("The telegram was damaged on its way. Check the cable or reader."),
    "no_rule": _("No rule of the mapping is for it. Mend the mapping, then replay."),
    "too_many_channels": _("The device has 256 channels. Check what it sends."),
    "partial_json": _("The text was cut. What was whole is stored."),
    "database_refused": _("This is our fault; the detail says what happened."),
    "internal_error": _("This is our fault; the detail says what happened."),
}  # fmt: skip


def advice(reason: str) -> Promise:
    """Return what to do."""
    return _ADVICE.get(reason, _PAYLOAD)


_NAMES: dict[str, Promise] = {
    "quota": _("More than the plan allows"),
    "no_rule": _("No rule of the mapping fits"),
    "unknown_topic": _("Unknown topic"),
    "unknown_gateway": _("Unknown gateway"),
    "unknown_device": _("Unknown device"),
    "unknown_metric": _("Unknown measurement"),
    "foreign_tenant": _("Topic of another organisation"),
    "foreign_transport": _("Topic of another way of sending"),
    "unsafe_segment": _("Topic with forbidden characters"),
    "reserved_segment": _("Topic with a reserved word"),
    "topic_too_long": _("Topic too long"),
    "bad_tenant_id": _("Organisation in the topic is no id"),
    "bad_device_id": _("Device in the topic is no id"),
    "unexpected_device": _("Topic and payload name two devices"),
    "empty": _("Empty message"),
    "bad_payload": _("Unreadable payload"),
    "bad_encoding": _("Unreadable characters"),
    "too_deep": _("Payload nested too deeply"),
    "too_large": _("Payload too large"),
    "duplicate_key": _("A key twice"),
    "no_values": _("No values"),
    "no_object": _("No object"),
    "too_many_values": _("Too many values"),
    "missing_field": _("A field is missing"),
    "bad_pin": _("Pin is no number"),
    "bad_sensor_type": _("Unknown type of sensor"),
    "no_frame": _("No whole telegram"),
    "bad_checksum": _("Wrong checksum"),
    "no_checksum": _("No checksum"),
    "encrypted": _("Encrypted telegram"),
    "unknown_alias": _("Birth of the node not seen"),
    "time_after_telegram": _("Clock of a meter ahead"),
    "partial_json": _("Text was cut"),
    "not_a_number": _("Not a number"),
    "null_value": _("No value"),
    "not_finite": _("Infinite value"),
    "out_of_range": _("Outside of what can be"),
    "bad_metric": _("Unusable name of a measurement"),
    "bad_time": _("Unreadable time"),
    "naive_time": _("Time without zone"),
    "time_in_future": _("Time in the future"),
    "time_too_old": _("Time too old"),
    "retained_without_time": _("Kept by the broker, without time"),
    "conflicting_value": _("Another value for the same time"),
    "too_many_channels": _("Too many channels"),
    "bad_status": _("Unknown status"),
    "database_refused": _("Our database refused it"),
    "internal_error": _("Our error"),
}


def reason_name(reason: str) -> str:
    """Return a reason as people say it; the code itself where there is no name."""
    return str(_NAMES.get(reason, reason))

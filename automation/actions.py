"""What rules, schedules and other parts of automation do; as stored, exported and asked for.

    [{"kind": "command", "device": "…", "name": "pump_on", "params": {"runtime_s": 60}},
     {"kind": "delay", "seconds": 300},
     {"kind": "notify", "targets": ["…"], "text": "Watered {site}"}]

They are done in this order. Pure: whether a device takes a command, and safely, is decided when
it is asked for (`devices.services.commands`).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

import msgspec

MAX_ACTIONS = 20
MAX_DELAY = 86_400
MAX_TARGETS = 10
MAX_TEXT = 500

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Text = Annotated[str, msgspec.Meta(max_length=MAX_TEXT)]
Mode = Literal["auto", "semi", "manual"]


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An object in which a misspelt member is refused."""


class CommandAction(_Strict, frozen=True, tag_field="kind", tag="command"):
    """Order something from a device.

    expires_in: seconds in which it must reach the device. wait: go on only after the device has
    done it; if it does not, what follows is not done.
    """

    device: uuid.UUID
    name: Name
    params: dict[str, bool | int | float | str] = msgspec.field(default_factory=dict)
    expires_in: Annotated[int, msgspec.Meta(ge=1, le=86_400)] = 30
    wait: bool = False


class DelayAction(_Strict, frozen=True, tag_field="kind", tag="delay"):
    """Wait before what follows."""

    seconds: Annotated[int, msgspec.Meta(ge=1, le=MAX_DELAY)]


class NotifyAction(_Strict, frozen=True, tag_field="kind", tag="notify"):
    """Tell people, or other programs by a webhook.

    targets: ids of notification targets. text: may name {rule}, {site}, {value}, {unit},
    {device}, {channel} and {time}; blank: what set it off, in words.
    """

    targets: Annotated[tuple[uuid.UUID, ...], msgspec.Meta(min_length=1, max_length=MAX_TARGETS)]
    text: Text = ""
    severity: Literal["info", "warning", "error", "critical"] = "info"


class WebhookAction(_Strict, frozen=True, tag_field="kind", tag="webhook"):
    """Hand the execution to another program: its trigger and the values seen. A target's id."""

    target: uuid.UUID


class ModeAction(_Strict, frozen=True, tag_field="kind", tag="mode"):
    """Set how a zone is controlled."""

    zone: uuid.UUID
    mode: Mode


class ScheduleAction(_Strict, frozen=True, tag_field="kind", tag="schedule"):
    """Begin a run of a schedule now, or switch the schedule on or off."""

    schedule: uuid.UUID
    do: Literal["run", "enable", "disable"] = "run"


Action = CommandAction | DelayAction | NotifyAction | WebhookAction | ModeAction | ScheduleAction
Actions = Annotated[tuple[Action, ...], msgspec.Meta(max_length=MAX_ACTIONS)]


class BadActions(ValueError):
    """Actions that cannot be used; `field` is the place, such as `then[0].seconds`."""

    def __init__(self, code: str, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.code = code
        self.field = field
        self.message = message


def read_actions(document: Sequence[Any]) -> tuple[Action, ...]:
    """Return actions as they are stored. Raises: BadActions."""
    try:
        found: tuple[Action, ...] = msgspec.convert(document, Actions)
    except (msgspec.ValidationError, TypeError, RecursionError) as error:
        detail, _, where = str(error).partition(" - at `$")
        raise BadActions("bad_shape", where.rstrip("`").lstrip("."), f"{detail}.") from None
    check_actions(found, "")
    return found


def check_actions(actions: Sequence[Action], field: str) -> None:
    """Refuse a list in which the last action is to wait. Raises: BadActions."""
    if actions and isinstance(actions[-1], DelayAction):
        place = f"{field}[{len(actions) - 1}]"
        raise BadActions("ends_waiting", place, "Nothing follows this delay; remove it.")


def write_actions(actions: Iterable[Action]) -> list[dict[str, Any]]:
    """Return actions as they are stored; what stands at its default is left out."""
    written: list[dict[str, Any]] = msgspec.json.decode(msgspec.json.encode(list(actions)))
    return written


def read_action(document: Any) -> Action:
    """Return one action as it is stored. Raises: msgspec.ValidationError."""
    found: Action = msgspec.convert(document, Action)  # type: ignore[arg-type]
    return found

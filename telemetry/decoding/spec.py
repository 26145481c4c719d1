"""The form of a mapping, as it stands in DeviceProfile.mapping and in devices/profiles.

See docs/reference/mappings.md. Reading it here settles types and unknown members; what the
texts in it mean is settled when it is compiled.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from energy.lib.documents import split_error
from telemetry.decoding.documents import Options
from telemetry.decoding.errors import MappingError

MAX_RULES = 100
MAX_VALUES = 300
MAX_SPEC_BYTES = 131_072

Kind = Literal[
    "gauge", "total", "total_increasing", "counter", "state", "interval",
    "daily_counter", "snapshot", "delta",
]  # fmt: skip
# Kinds that would be taken for energy if they were counters are kept as gauges.
STORED_KINDS = {
    "counter": "total_increasing", "daily_counter": "gauge", "snapshot": "gauge",
    "delta": "gauge",
}  # fmt: skip
Phase = Literal["none", "l1", "l2", "l3", "n"]
Direction = Literal["none", "import", "export", "net"]
TimeFormat = Literal["auto", "iso", "local", "day_first", "s", "ms", "us"]
QualityName = Literal["good", "uncertain", "bad", "estimated"]


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An object in which a misspelt member is refused."""


class Condition(_Strict, frozen=True):
    """What must be so; all members that are given."""

    path: str = "@"
    equals: str | float | bool | None = None
    one_of: list[str | float | bool] = []
    is_present: bool | None = None
    length: int | None = None
    type: Literal["", "number", "text", "boolean", "array", "object"] = ""


class TimeSpec(_Strict, frozen=True):
    """Where the time stands and in which form; `zone` for devices that are not in the site's."""

    path: str = "@"
    format: TimeFormat = "auto"
    zone: str = ""


class SignSpec(_Strict, frozen=True):
    """The value is negative where another key says one of these words."""

    path: str
    negative: list[str]


class UnitSpec(_Strict, frozen=True):
    """The unit stands in another key."""

    path: str
    words: dict[str, str] = {}
    default: str = ""


class ValueSpec(_Strict, frozen=True):
    """One value, or one for each match of a path with captures."""

    path: str = "@"
    obis: str = ""
    channel: str = ""
    unit: str | UnitSpec = ""
    stored: str = ""
    scale: float = 1.0
    offset: float = 0.0
    sign: float | SignSpec = 1.0
    kind: Kind | None = None
    phase: Phase | None = None
    direction: Direction | None = None
    minimum: float | None = None
    maximum: float | None = None
    decimals: int | None = None
    when: list[Condition] = []
    map: dict[str, dict[str, str]] = {}
    words: dict[str, float] = {}
    sentinels: list[float] = []
    time: TimeSpec | None = None
    quality: QualityName = "good"
    otherwise: bool = False


class PresenceSpec(_Strict, frozen=True):
    """A message that says whether a device is there; it is no measurement.

    always: what every such message says.
    """

    path: str = "@"
    always: bool | None = None
    online: tuple[str, ...] = ("online", "true", "1", "on", "connected")
    offline: tuple[str, ...] = ("offline", "false", "0", "off", "disconnected", "unavailable")


class AnswerSpec(_Strict, frozen=True):
    """What is sent back, on another topic under the same prefix."""

    topic: str
    payload: dict[str, Any] = {}


class SequenceSpec(_Strict, frozen=True):
    """The number by which the device counts its messages, and that of its restart.

    In frames: codes or names, as for `obis` of a value.
    """

    path: str
    boot: str = ""


class UseSpec(_Strict, frozen=True):
    """A part, whose paths begin below `under`."""

    part: str
    under: str = ""


class RuleSpec(_Strict, frozen=True):
    """What messages on these topics mean."""

    topic: str | list[str]
    format: str = "json"
    options: Options = msgspec.field(default_factory=Options)
    when: list[Condition] = []
    wrap: str = ""
    root: list[str] = []
    each: str = ""
    device: str = ""
    device_path: str = ""
    map: dict[str, dict[str, str]] = {}
    time: TimeSpec | list[TimeSpec] = []
    sequence: SequenceSpec | None = None
    values: list[ValueSpec] = []
    use: list[str | UseSpec] = []
    words: dict[str, float] = {}
    sentinels: list[float] = []
    decimal_comma: bool = False
    presence: PresenceSpec | None = None
    empty: Literal["ignore", "offline", "reject"] = "ignore"
    announce: dict[str, str] = {}
    answer: AnswerSpec | None = None
    ignore: bool = False


class MappingSpec(_Strict, frozen=True):
    """A mapping; `parts` are lists of values that several rules use."""

    topics: list[RuleSpec]
    parts: dict[str, list[ValueSpec]] = {}
    mask: list[str] = []


def read_spec(document: Any) -> MappingSpec:
    """Return the mapping with every member of its type.

    Raises: MappingError: too_large, bad_shape.
    """
    try:
        size = len(msgspec.json.encode(document))
        if size > MAX_SPEC_BYTES:
            raise MappingError("", "too_large", f"{size} bytes; {MAX_SPEC_BYTES} are allowed.")
        spec = msgspec.convert(document, MappingSpec, strict=True)
    except msgspec.ValidationError as error:
        place, detail = split_error(error)
        raise MappingError(place, "bad_shape", detail) from None
    except (TypeError, ValueError, RecursionError) as error:
        if isinstance(error, MappingError):
            raise
        raise MappingError("", "bad_shape", f"No mapping: {error!s:.200}") from None
    if len(spec.topics) > MAX_RULES:
        raise MappingError("topics", "too_large", f"More than {MAX_RULES} rules.")
    return spec

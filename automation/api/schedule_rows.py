"""How schedules look in the API, and what bodies may hold."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.api.pagination import PageParams
from accounts.api.params import Params
from automation.actions import MAX_ACTIONS
from automation.models import Schedule
from automation.queries.schedules import said_of

_TIMES = (
    "When: `when` is one of the kinds times, every, window, once, cron and sun; see the guide to"
    " schedules. Local times of the site."
)
_DONE = "What is done, in order: objects of the kinds command, delay, notify, webhook, mode and"


class ScheduleRow(serializers.ModelSerializer):
    """A schedule. `words`: its times in the language of the request. `next_at` is UTC."""

    site = serializers.UUIDField(source="site_id")
    zone = serializers.UUIDField(source="zone_id", allow_null=True)
    is_of_recipe = serializers.SerializerMethodField(
        help_text="It belongs to a recipe that runs in its zone, and is changed with it."
    )
    definition = serializers.DictField(help_text=_TIMES)
    actions = serializers.ListField(child=serializers.DictField(), help_text=f"{_DONE} schedule.")
    end_actions = serializers.ListField(
        child=serializers.DictField(), help_text="What is done when a window ends."
    )
    words = serializers.SerializerMethodField()
    problem = serializers.SerializerMethodField(
        help_text="Why it cannot be followed; blank: it can."
    )

    class Meta:
        model = Schedule
        fields = (
            "id", "name", "site", "zone", "is_enabled", "is_of_recipe", "definition", "actions",
            "end_actions", "revision", "next_at", "words", "problem", "created_at", "updated_at",
        )  # fmt: skip

    def get_is_of_recipe(self, row: Any) -> bool:
        """Tell whether a recipe owns it."""
        return row.control_id is not None

    def get_words(self, row: Any) -> str:
        """Return its times in words."""
        return said_of(row)[0]

    def get_problem(self, row: Any) -> str:
        """Return why it cannot be followed."""
        return said_of(row)[1]


class ScheduleListParams(PageParams):
    """Which schedules."""

    site = serializers.UUIDField(required=False)
    zone = serializers.UUIDField(required=False)
    enabled = serializers.BooleanField(required=False, allow_null=True, default=None)
    q = serializers.CharField(max_length=100, default="", help_text="Part of the name.")
    ordering = serializers.ChoiceField(
        choices=["name", "-name", "created_at", "-created_at"], default="name"
    )


class SchedulePatch(Params):
    """Changes of a schedule."""

    name = serializers.CharField(max_length=100, required=False)
    site = serializers.UUIDField(required=False)
    zone = serializers.UUIDField(required=False, allow_null=True)
    is_enabled = serializers.BooleanField(required=False)
    definition = serializers.DictField(required=False, help_text=_TIMES)
    actions = serializers.ListField(
        child=serializers.DictField(), max_length=MAX_ACTIONS, required=False,
        help_text=f"{_DONE} schedule.",
    )  # fmt: skip
    end_actions = serializers.ListField(
        child=serializers.DictField(), max_length=MAX_ACTIONS, required=False,
        help_text="What is done when a window ends.",
    )  # fmt: skip


class ScheduleBody(SchedulePatch):
    """A new schedule."""

    name = serializers.CharField(max_length=100)
    site = serializers.UUIDField()
    definition = serializers.DictField(help_text=_TIMES)


class SchedulePreviewBody(Params):
    """Times that are tried."""

    site = serializers.UUIDField()
    definition = serializers.DictField(help_text=_TIMES)


class ScheduleRunRow(serializers.Serializer):
    """A run. at: UTC. local: by the clock of the site."""

    at = serializers.DateTimeField()
    local = serializers.CharField()
    edge = serializers.ChoiceField(
        choices=["run", "start", "end"], help_text="Start and end are those of a window."
    )


class SchedulePreviewSerializer(serializers.Serializer):
    """The next runs, ten at most; none: it never runs, or not within a year."""

    words = serializers.CharField()
    runs = ScheduleRunRow(many=True)


class ScheduleRunBody(Params):
    """What is done now."""

    edge = serializers.ChoiceField(
        choices=["start", "end"], default="start",
        help_text="Of a window: what is done when it begins, or when it ends.",
    )  # fmt: skip
    key = serializers.RegexField(
        r"^[A-Za-z0-9_.:-]{1,60}\Z", required=False, default="",
        help_text="The same key runs it once.",
    )  # fmt: skip

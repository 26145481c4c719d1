"""Measurements in the admin. Samples themselves have a composite key, which it cannot show."""

from __future__ import annotations

import contextlib
from typing import Any

from django.contrib import admin, messages
from django.db.models import BigIntegerField, F, Func, QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.admin_base import ReadOnlyAdmin
from accounts.tenancy import tenant_scope
from telemetry import admin_mapping as _mapping  # noqa: F401 (the editor of mappings)
from telemetry.annotations import admin as _annotations  # noqa: F401 (registers its table)
from telemetry.exports import admin as _exports  # noqa: F401 (Django looks in this module)
from telemetry.imports import admin as _imports  # noqa: F401 (Django looks in this module)
from telemetry.ingest.buffer import BufferFull, BufferUnavailable
from telemetry.masking import masked
from telemetry.models import LatestValue, RejectedMessage, RejectedState, SamplePartition
from telemetry.payload_view import as_hex, as_text
from telemetry.queries_rejected import sender_of
from telemetry.services.rejected import discard_rejected, replay_rejected
from telemetry.services.replays import NothingOpen, start_replay
from telemetry.truth import admin as _truth  # noqa: F401 (registers its tables)
from telemetry.virtual import admin as _virtual  # noqa: F401


@admin.register(LatestValue)
class LatestValueAdmin(ReadOnlyAdmin):
    """The newest value of each channel."""

    is_open_to_tenants = True
    list_display = (
        "channel",
        "device",
        "tenant",
        "value_with_unit",
        "quality",
        "time",
        "received_at",
    )
    list_filter = ("tenant", "quality", "channel__kind")
    list_select_related = ("tenant", "channel__device")
    search_fields = ("channel__name", "channel__device__name", "channel__device__uid")
    ordering = ("channel_id",)

    @admin.display(description=_("device"))
    def device(self, latest: LatestValue) -> str:
        """Name the device."""
        return latest.channel.device.name

    @admin.display(description=_("value"), ordering="value")
    def value_with_unit(self, latest: LatestValue) -> str:
        """Show the value in the unit it is stored in."""
        if latest.value is None:
            return "-"
        return f"{latest.value:.{latest.channel.decimals}f} {latest.channel.unit}".strip()


class PartitionSize(Func):
    """Bytes on disk of the table with this name, indexes included; null if it is gone."""

    template = "pg_total_relation_size(to_regclass(%(expressions)s))"
    output_field = BigIntegerField()


@admin.register(SamplePartition)
class SamplePartitionAdmin(ReadOnlyAdmin):
    """The tables that hold the samples, one for each week."""

    list_display = ("name", "start_at", "end_at", "size", "created_at")
    search_fields = ("name",)
    ordering = ("-start_at",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[SamplePartition]:
        """Annotate the size on disk."""
        return super().get_queryset(request).annotate(bytes=PartitionSize(F("name")))

    @admin.display(description=_("size on disk"), ordering="bytes")
    def size(self, partition: Any) -> str:
        """Show the size with a unit."""
        return filesizeformat(partition.bytes) if partition.bytes is not None else "-"


@admin.register(RejectedMessage)
class RejectedMessageAdmin(ReadOnlyAdmin):
    """Messages that could not be stored. Payloads are shown as text and bytes, never as markup."""

    list_display = (
        "short_topic",
        "sender",
        "reason",
        "detail",
        "tenant",
        "state",
        "count",
        "last_received_at",
    )
    list_filter = ("state", "reason", "tenant", "transport")
    list_select_related = ("tenant",)
    search_fields = ("topic", "sender", "detail", "group_key")
    date_hierarchy = "last_received_at"
    ordering = ("-last_received_at", "-id")
    actions = ("replay", "replay_groups", "discard")
    fields = (
        "topic", "pattern", "sender", "transport", "tenant", "reason", "detail", "state", "count",
        "first_received_at", "last_received_at", "mapping", "payload_as_text", "payload_as_hex",
    )  # fmt: skip

    @admin.display(description=_("topic"), ordering="topic")
    def short_topic(self, message: RejectedMessage) -> str:
        """Show the topic without the tenant, which has a column of its own."""
        return message.topic.removeprefix(f"tenant/{message.tenant_id}/")

    def get_queryset(self, request: HttpRequest) -> QuerySet[RejectedMessage]:
        """Leave the payloads of a list in the database."""
        queryset = super().get_queryset(request)
        match = request.resolver_match
        if match and str(match.url_name).endswith("_changelist"):
            return queryset.defer("payload", "fingerprint")
        return queryset

    def has_handle_permission(self, request: HttpRequest) -> bool:
        """Tell whether the person may replay and discard."""
        return bool(request.user.has_perm("telemetry.change_rejectedmessage"))

    @admin.display(description=_("mapping"))
    def mapping(self, message: RejectedMessage) -> str:
        """Link to the editor with this message; "-" while nobody knows who sent it."""
        if message.tenant_id is None:
            return "-"
        with tenant_scope(message.tenant_id):
            device = sender_of(message)
        if device is None:
            return "-"
        address = reverse("admin:devices_deviceprofile_mapping", args=[device.profile_id])
        return format_html(
            '<a class="{}" href="{}?rejected={}">{}</a>',
            "text-primary-600 dark:text-primary-500 underline", address, message.id,
            gettext("Fix mapping and replay"),
        )  # fmt: skip

    @admin.display(description=_("payload as text"))
    def payload_as_text(self, message: RejectedMessage) -> str:
        """Show the payload as UTF-8 with everything unprintable spelled out."""
        return _block(as_text(masked(bytes(message.payload))))

    @admin.display(description=_("payload as bytes"))
    def payload_as_hex(self, message: RejectedMessage) -> str:
        """Show the payload as a hex dump."""
        return _block(as_hex(masked(bytes(message.payload))))

    @admin.action(description=_("Replay the selected messages"), permissions=["handle"])
    def replay(self, request: HttpRequest, queryset: QuerySet[RejectedMessage]) -> None:
        """Send messages through the pipeline again; report done and skipped."""
        ids = list(queryset.order_by("first_received_at", "id").values_list("id", flat=True))
        try:
            result = replay_rejected(ids=ids, now=timezone.now())
        except (BufferFull, BufferUnavailable) as error:
            refusal = _("The pipeline takes no messages now (%(reason)s). Try again later.")
            self.message_user(request, refusal % {"reason": error}, messages.ERROR)
            return
        self._report(
            request,
            done=ngettext(
                "%(count)d message is on its way again.",
                "%(count)d messages are on their way again.",
                result.replayed,
            )
            % {"count": result.replayed},
            skipped=result.failed,
        )

    @admin.action(
        description=_("Replay everything of the same kind, in the background"),
        permissions=["handle"],
    )
    def replay_groups(self, request: HttpRequest, queryset: QuerySet[RejectedMessage]) -> None:
        """Replay all messages with the reason, pattern and sender of the selected ones."""
        kinds = set(queryset.filter(state=RejectedState.OPEN).values_list("tenant_id", "group_key"))
        total = 0
        for tenant_id, key in sorted(kinds, key=str):
            with contextlib.suppress(NothingOpen):
                total += start_replay(tenant_id=tenant_id, key=key, now=timezone.now()).total
        text = ngettext(
            "%(count)d message goes through the pipeline again.",
            "%(count)d messages go through the pipeline again.",
            total,
        )
        self.message_user(request, text % {"count": total}, messages.SUCCESS)

    @admin.action(description=_("Discard the selected messages"), permissions=["handle"])
    def discard(self, request: HttpRequest, queryset: QuerySet[RejectedMessage]) -> None:
        """Mark messages as not wanted; report done and skipped."""
        states = dict(queryset.order_by().values_list("id", "state"))
        wanted = [id_ for id_, state in states.items() if state != RejectedState.DISCARDED]
        done = discard_rejected(ids=wanted)
        self._report(
            request,
            done=ngettext(
                "%(count)d message is discarded.", "%(count)d messages are discarded.", done
            )
            % {"count": done},
            skipped=len(states) - done,
        )

    def _report(self, request: HttpRequest, *, done: str, skipped: int) -> None:
        self.message_user(request, done, messages.SUCCESS)
        if skipped:
            text = ngettext(
                "%(count)d message was skipped: it was discarded before, or is in work.",
                "%(count)d messages were skipped: they were discarded before, or are in work.",
                skipped,
            )
            self.message_user(request, text % {"count": skipped}, messages.WARNING)


def _block(text: str) -> str:
    return format_html(
        '<pre style="white-space: pre-wrap; overflow-wrap: anywhere; max-height: 30rem; '
        'overflow: auto; margin: 0" tabindex="0">{}</pre>',
        text,
    )

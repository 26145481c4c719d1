"""The mapping editor of types of device, with a preview on a message, in the admin."""

from __future__ import annotations

import uuid
import zoneinfo
from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from devices.admin_profiles import DeviceProfileAdmin
from devices.models import DeviceProfile, Site
from devices.services.profiles import check_profile
from telemetry.decoding.errors import MappingError
from telemetry.ingest.decode import DecodeError
from telemetry.mapping_preview import (
    ENCODINGS,
    Preview,
    Trouble,
    mask_of,
    preview_mapping,
    read_payload,
    read_spec,
    write_spec,
)
from telemetry.masking import masked
from telemetry.models import RejectedMessage
from telemetry.services.replays import NothingOpen, start_replay

# the pipeline knows a mapping for half a minute
REPLAY_AFTER_S = 45
ZONES = tuple(sorted(zoneinfo.available_timezones()))


@dataclass(frozen=True, slots=True)
class Draft:
    """What stands in the form: the mapping and a message to try it on."""

    spec: str
    topic: str
    payload: str
    encoding: str
    zone: str
    rejected: RejectedMessage | None

    def bytes(self) -> bytes:
        """Return the message; a captured one that nobody changed with what is hidden in it.

        Raises: DecodeError.
        """
        if self.rejected is not None:
            raw = bytes(self.rejected.payload)
            shown, encoding = _show(raw, self.spec)
            if (self.payload.replace("\r\n", "\n"), self.encoding) == (
                shown.replace("\r\n", "\n"),
                encoding,
            ):
                return raw
        return read_payload(self.payload, self.encoding)


def _show(payload: bytes, spec: str) -> tuple[str, str]:
    """Return a captured payload as it can be edited, without secrets, and in which form."""
    hidden = masked(payload, mask_of(spec))
    try:
        text = hidden.decode()
    except UnicodeDecodeError:
        return hidden.hex(" "), "hex"
    return (text, "text") if "\0" not in text else (hidden.hex(" "), "hex")


def native_topic(topic: str) -> str:
    """Return what a device of another maker calls its topic."""
    return topic.partition("/ext/")[2] or topic


admin.site.unregister(DeviceProfile)


@admin.register(DeviceProfile)
class MappedProfileAdmin(DeviceProfileAdmin):
    """Types of device, with the editor of their mapping."""

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show the link to the editor."""
        return (*super().get_readonly_fields(request, obj), "mapping_editor")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Place the link where the messages are described."""
        return [
            (title, {**options, "fields": (*options["fields"], "mapping_editor")})
            if "clock_policy" in options["fields"]
            else (title, options)
            for title, options in super().get_fieldsets(request, obj)
        ]

    def get_urls(self) -> list[URLPattern]:
        """Add the editor."""
        view = self.admin_site.admin_view(self.mapping_view)
        own = path("<uuid:profile_id>/mapping/", view, name="devices_deviceprofile_mapping")
        return [own, *super().get_urls()]

    @admin.display(description=_("mapping"))
    def mapping_editor(self, profile: DeviceProfile) -> str:
        """Link to the editor."""
        if profile._state.adding:
            return "-"
        url = reverse("admin:devices_deviceprofile_mapping", args=[profile.pk])
        text = gettext("Edit with preview") if not profile.is_builtin else gettext("Look, and try")
        return format_html(
            '<a class="text-primary-600 dark:text-primary-500 underline" href="{}">{}</a>',
            url,
            text,
        )

    def mapping_view(self, request: HttpRequest, profile_id: uuid.UUID) -> HttpResponse:
        """Show the mapping with what it makes of a message; save it."""
        profile = DeviceProfile.objects.filter(id=profile_id).first()
        if profile is None:
            raise Http404
        if not self.has_view_permission(request, profile):
            raise PermissionDenied
        draft = _draft(request, profile)
        if request.method == "POST" and "preview" not in request.POST:
            answer = self._save(request, profile, draft)
            if answer is not None:
                return answer
        found = _try(draft) if draft.spec.strip() and (draft.payload or draft.topic) else None
        if request.method == "POST" and request.POST.get("preview") == "part":
            return render(request, "admin/telemetry/_mapping_preview.html", {"preview": found})
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Mapping of %(name)s") % {"name": profile},
            "profile": profile,
            "opts": self.model._meta,
            "draft": draft,
            "preview": found,
            "encodings": ENCODINGS,
            "zones": ZONES,
            "may_save": self.has_change_permission(request, profile),
            "may_replay": _may_replay(request, draft),
        }
        return TemplateResponse(request, "admin/telemetry/mapping.html", context)

    def _save(
        self, request: HttpRequest, profile: DeviceProfile, draft: Draft
    ) -> HttpResponse | None:
        """Save the mapping; None when it is wrong, which the preview then tells."""
        if not self.has_change_permission(request, profile):
            raise PermissionDenied
        try:
            profile.mapping = read_spec(draft.spec)
            check_profile(profile)
        except (MappingError, ValidationError) as error:
            text = "; ".join(error.messages) if isinstance(error, ValidationError) else str(error)
            messages.error(request, text)
            return None
        profile.version += 1
        profile.save(update_fields=["mapping", "version", "updated_at"])
        self.log_change(request, profile, [{"changed": {"fields": ["mapping"]}}])
        messages.success(request, gettext("The mapping was saved."))
        if "replay" in request.POST and _may_replay(request, draft) and draft.rejected:
            self._replay(request, draft.rejected)
            address = reverse("admin:telemetry_rejectedmessage_changelist")
            return redirect(f"{address}?q={draft.rejected.group_key}")
        return redirect(request.get_full_path())

    def _replay(self, request: HttpRequest, message: RejectedMessage) -> None:
        try:
            started = start_replay(
                tenant_id=message.tenant_id,
                key=message.group_key,
                now=timezone.now(),
                wait_s=REPLAY_AFTER_S,
            )
        except NothingOpen as nothing:
            messages.warning(request, str(nothing))
            return
        text = ngettext(
            "%(count)d message goes through the pipeline again in less than a minute.",
            "%(count)d messages go through the pipeline again in less than a minute.",
            started.total,
        )
        messages.success(request, text % {"count": started.total})


def _draft(request: HttpRequest, profile: DeviceProfile) -> Draft:
    rejected = _rejected(request)
    given = request.POST
    spec = given.get("spec", write_spec(profile.mapping))
    topic = native_topic(rejected.topic) if rejected else ""
    text, encoding = _show(bytes(rejected.payload), spec) if rejected else ("", "text")
    zone = given.get("zone") or _zone_of(rejected)
    chosen = given.get("encoding", encoding)
    return Draft(
        spec=spec,
        topic=given.get("topic", topic)[:512],
        payload=given.get("payload", text),
        encoding=chosen if chosen in ENCODINGS else "text",
        zone=zone if zone in zoneinfo.available_timezones() else "UTC",
        rejected=rejected,
    )


def _rejected(request: HttpRequest) -> RejectedMessage | None:
    """Return the captured message that the address names, if the person may see such."""
    if not request.user.has_perm("telemetry.view_rejectedmessage"):
        return None
    try:
        wanted = uuid.UUID(request.GET.get("rejected", ""))
    except ValueError:
        return None
    return RejectedMessage.objects.filter(id=wanted).first()


def _zone_of(message: RejectedMessage | None) -> str:
    if message is None or message.tenant_id is None:
        return "UTC"
    site = Site.objects.filter(tenant_id=message.tenant_id).order_by("created_at", "id").first()
    return site.timezone if site else "UTC"


def _may_replay(request: HttpRequest, draft: Draft) -> bool:
    may: bool = request.user.has_perm("telemetry.change_rejectedmessage")
    return draft.rejected is not None and may


def _try(draft: Draft) -> Preview:
    try:
        payload = draft.bytes()
    except DecodeError as error:
        return Preview(troubles=[Trouble("", error.code, str(error))])
    zone: Any = zoneinfo.ZoneInfo(draft.zone)
    return preview_mapping(
        draft.spec, topic=draft.topic, payload=payload, zone=zone, now=timezone.now()
    )

"""Every URL of the product; /healthz, /readyz and /metrics are answered in energy.health."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from accounts.api.audit import AuditList
from accounts.api.handlers import unknown_endpoint
from accounts.api.history import ObjectHistory
from accounts.api.keys import KeyDetail, KeyList, KeyRotate
from accounts.api.me import Me
from accounts.api.people import (
    InvitationDetail,
    InvitationList,
    InvitationResend,
    MemberDetail,
    MemberList,
)
from accounts.api.roles import RoleDetail, RoleList
from accounts.api.sessions import SessionDetail, SessionList
from accounts.api.sign_in import Refresh, SecondStep, SignIn, SignOut
from accounts.impersonation import end_view
from accounts.pages import invitations, sessions
from alarms.pages import notify_mine
from devices.pages import firmware_download, pki, provisioning
from metering.api_energy import EnergySummary
from reports import charging_receipt
from telemetry.api import DeviceLatest, LatestOfMany, TelemetryQuery
from telemetry.doors.api import Ingest
from telemetry.exports.api import ExportDetail, ExportFile, ExportList
from telemetry.live.api import EventStreamView, LiveTicket
from telemetry.virtual.api import VirtualChannelDetail, VirtualChannelList

api: list[URLPattern | URLResolver] = [
    path("auth/login", SignIn.as_view(), name="api-sign-in"),
    path("auth/mfa", SecondStep.as_view(), name="api-sign-in-second-step"),
    path("auth/refresh", Refresh.as_view(), name="api-refresh"),
    path("auth/logout", SignOut.as_view(), name="api-sign-out"),
    path("keys", KeyList.as_view(), name="api-key-list"),
    path("keys/<uuid:key_id>", KeyDetail.as_view(), name="api-key-detail"),
    path("keys/<uuid:key_id>/rotate", KeyRotate.as_view(), name="api-key-rotate"),
    path("audit", AuditList.as_view(), name="api-audit-list"),
    path("audit/history", ObjectHistory.as_view(), name="api-history"),
    path("me", Me.as_view(), name="api-me"),
    path("sessions", SessionList.as_view(), name="api-session-list"),
    path("sessions/<int:session_id>", SessionDetail.as_view(), name="api-session-detail"),
    path("members", MemberList.as_view(), name="api-member-list"),
    path("members/<uuid:member_id>", MemberDetail.as_view(), name="api-member-detail"),
    path("invitations", InvitationList.as_view(), name="api-invitation-list"),
    path(
        "invitations/<uuid:invitation_id>",
        InvitationDetail.as_view(),
        name="api-invitation-detail",
    ),
    path(
        "invitations/<uuid:invitation_id>/resend",
        InvitationResend.as_view(),
        name="api-invitation-resend",
    ),
    path("roles", RoleList.as_view(), name="api-role-list"),
    path("roles/<uuid:role_id>", RoleDetail.as_view(), name="api-role-detail"),
    path("", include("devices.urls_api")),
    path("", include("telemetry.truth.urls_api")),
    path("", include("telemetry.annotations.urls_api")),
    path("", include("metering.api.urls")),
    path("", include("alarms.api.urls_alarms")),
    path("devices/<uuid:device_id>/latest", DeviceLatest.as_view(), name="api-device-latest"),
    path("events/stream", EventStreamView.as_view(), name="api-event-stream"),
    path("live/ticket", LiveTicket.as_view(), name="api-live-ticket"),
    path("ingest", Ingest.as_view(), name="api-ingest"),
    path("latest", LatestOfMany.as_view(), name="api-latest"),
    path("energy/summary", EnergySummary.as_view(), name="api-energy-summary"),
    path("exports", ExportList.as_view(), name="api-export-list"),
    path("exports/<uuid:export_id>", ExportDetail.as_view(), name="api-export-detail"),
    path("exports/<uuid:export_id>/file", ExportFile.as_view(), name="api-export-file"),
    path("virtual-channels", VirtualChannelList.as_view(), name="api-virtual-list"),
    path(
        "virtual-channels/<uuid:virtual_id>",
        VirtualChannelDetail.as_view(),
        name="api-virtual-detail",
    ),
    path("", include("alarms.api.urls_notify")),
    path("", include("metering.urls_api_costs")),
    path("", include("metering.urls_api_plans")),
    path("", include("alarms.api.urls_quiet")),
    path("", include("telemetry.urls_rejected")),
    path("", include("telemetry.imports.urls_api")),
    path("", include("reports.urls_api")),
    path("", include("alarms.api.urls_rules")),
    path("", include("automation.api.urls_schedules")),
    path("", include("automation.api.urls_guards")),
    path("", include("automation.api.urls_zones")),
    path("", include("automation.api.urls_rules")),
    path("charging/", include("charging.api.urls")),
    path("telemetry/query", TelemetryQuery.as_view(), name="api-telemetry-query"),
]

urlpatterns = [
    path("admin/", admin.site.urls),
    path("impersonation/end", end_view, name="impersonation-end"),
    path("accounts/sessions/", sessions.sessions, name="usersessions_list"),
    path("accounts/sessions/<int:sign_in_id>/end", sessions.session_end, name="usersessions_end"),
    path("accounts/", include("allauth.urls")),
    # nobody has a telephone here, and allauth's view of it fails for strangers
    re_path(r"^_allauth/\w+/v1/(?:account|auth)/phone", unknown_endpoint),
    path("_allauth/", include("allauth.headless.urls")),
    path("settings/", include("accounts.pages.urls")),
    path("settings/", include("devices.pages.urls")),
    path("provisioning/", include("devices.pages.provisioning_urls")),
    path("claim", provisioning.landing, name="claim"),
    path("invitations/accept", invitations.invitation_accept, name="invitation-accept"),
    path("invitations/<str:token>", invitations.invitation, name="invitation"),
    path("pki/ca.crl", pki.revocation_list, name="pki-crl"),
    path("pki/ca.crl.pem", pki.revocation_lists_pem, name="pki-crl-pem"),
    path("pki/ca.crt", pki.authority_certificate, name="pki-authority"),
    path("pki/firmware.pub", firmware_download.signing_key, name="pki-firmware-key"),
    path(
        "firmware/images/<uuid:device_id>/<uuid:release_id>",
        firmware_download.firmware_image,
        name="firmware-image",
    ),
    path("i18n/", include("django.conf.urls.i18n")),
    path("api/v1/", include(api)),
    path("api/schema", SpectacularAPIView.as_view(), name="api-schema"),
    path("api/docs", SpectacularSwaggerSplitView.as_view(url_name="api-schema"), name="api-docs"),
    path("", include("telemetry.doors.urls")),
    path("", include("telemetry.virtual.urls")),
    path("", include("metering.urls_costs")),
    path("alarms/", include("alarms.pages.urls_inbox")),
    path("alarms/notify/", include("alarms.pages.urls_notify")),
    path("push-worker.js", notify_mine.push_worker, name="push-worker"),
    re_path(r"^api(?:/.*)?$", unknown_endpoint),
    path("", include("telemetry.imports.urls_pages")),
    path("", include("devices.urls_pages")),
    path("", include("telemetry.truth.urls_pages")),
    path("", include("telemetry.explore.urls")),
    path("", include("telemetry.pages.urls")),
    path("", include("metering.pages.urls")),
    path("alarms/", include("alarms.pages.urls_quiet")),
    path("alarms/", include("alarms.pages.urls_rules")),
    path("automation/", include("automation.pages.urls_overview")),
    path("automation/", include("automation.pages.urls_rules")),
    path("automation/", include("automation.pages.urls_schedules")),
    path("automation/", include("automation.pages.urls_log")),
    path("automation/", include("automation.pages.urls_zones")),
    path("", include("automation.api.urls_hooks")),
    path("automation/demand/", include("automation.pages.urls_demand")),
    path("charging/", include("charging.pages.urls")),
    path(
        "charging/sessions/<uuid:charging_session_id>/receipt.pdf",
        charging_receipt.receipt_pdf,
        name="charging-receipt-pdf",
    ),
    path("reports/", include("reports.pages.urls")),
    path("", include("reports.urls")),
]

handler400 = "accounts.api.handlers.bad_request"
handler403 = "accounts.api.handlers.permission_denied"
handler404 = "accounts.api.handlers.page_not_found"
handler500 = "accounts.api.handlers.server_error"

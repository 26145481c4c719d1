"""Every URL of the product; /healthz, /readyz and /metrics are answered in energy.health."""

from django.contrib import admin
from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from accounts.api.audit import AuditList
from accounts.api.handlers import unknown_endpoint
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
from accounts.api.sign_in import Refresh, SecondStep, SignIn, SignOut
from accounts.impersonation import end_view
from accounts.pages import invitations
from devices.api import DeviceDetail, DeviceList
from devices.api_shares import ShareDetail, ShareList
from telemetry.api import DeviceLatest, TelemetryQuery
from telemetry.live.api import LiveTicket

api = [
    path("auth/login", SignIn.as_view(), name="api-sign-in"),
    path("auth/mfa", SecondStep.as_view(), name="api-sign-in-second-step"),
    path("auth/refresh", Refresh.as_view(), name="api-refresh"),
    path("auth/logout", SignOut.as_view(), name="api-sign-out"),
    path("keys", KeyList.as_view(), name="api-key-list"),
    path("keys/<uuid:key_id>", KeyDetail.as_view(), name="api-key-detail"),
    path("keys/<uuid:key_id>/rotate", KeyRotate.as_view(), name="api-key-rotate"),
    path("audit", AuditList.as_view(), name="api-audit-list"),
    path("me", Me.as_view(), name="api-me"),
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
    path("shares", ShareList.as_view(), name="api-share-list"),
    path("shares/<uuid:share_id>", ShareDetail.as_view(), name="api-share-detail"),
    path("devices", DeviceList.as_view(), name="api-device-list"),
    path("devices/<uuid:device_id>", DeviceDetail.as_view(), name="api-device-detail"),
    path("devices/<uuid:device_id>/latest", DeviceLatest.as_view(), name="api-device-latest"),
    path("live/ticket", LiveTicket.as_view(), name="api-live-ticket"),
    path("telemetry/query", TelemetryQuery.as_view(), name="api-telemetry-query"),
]

urlpatterns = [
    path("admin/", admin.site.urls),
    path("impersonation/end", end_view, name="impersonation-end"),
    path("accounts/", include("allauth.urls")),
    # nobody has a telephone here, and allauth's view of it fails for strangers
    re_path(r"^_allauth/\w+/v1/(?:account|auth)/phone", unknown_endpoint),
    path("_allauth/", include("allauth.headless.urls")),
    path("settings/", include("accounts.pages.urls")),
    path("settings/", include("devices.pages.urls")),
    path("invitations/accept", invitations.invitation_accept, name="invitation-accept"),
    path("invitations/<str:token>", invitations.invitation, name="invitation"),
    path("i18n/", include("django.conf.urls.i18n")),
    path("api/v1/", include(api)),
    path("api/schema", SpectacularAPIView.as_view(), name="api-schema"),
    path("api/docs", SpectacularSwaggerSplitView.as_view(url_name="api-schema"), name="api-docs"),
    re_path(r"^api(?:/.*)?$", unknown_endpoint),
    path("", include("reports.urls")),
]

handler400 = "accounts.api.handlers.bad_request"
handler403 = "accounts.api.handlers.permission_denied"
handler404 = "accounts.api.handlers.page_not_found"
handler500 = "accounts.api.handlers.server_error"

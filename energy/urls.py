"""Every URL of the product; /healthz, /readyz and /metrics are answered in energy.health."""

from django.contrib import admin
from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from accounts.api.handlers import unknown_endpoint
from devices.api import DeviceDetail, DeviceList
from telemetry.api import DeviceLatest, TelemetryQuery

api = [
    path("devices", DeviceList.as_view(), name="api-device-list"),
    path("devices/<uuid:device_id>", DeviceDetail.as_view(), name="api-device-detail"),
    path("devices/<uuid:device_id>/latest", DeviceLatest.as_view(), name="api-device-latest"),
    path("telemetry/query", TelemetryQuery.as_view(), name="api-telemetry-query"),
]

urlpatterns = [
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.urls")),
    path("settings/", include("accounts.pages.urls")),
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

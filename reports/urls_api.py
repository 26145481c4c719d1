"""Addresses of reports in the API."""

from django.urls import path

from reports import api

urlpatterns = [
    path("reports", api.ReportList.as_view(), name="api-report-list"),
    path("reports/templates", api.TemplateList.as_view(), name="api-report-template-list"),
    path(
        "reports/templates/<uuid:report_template_id>",
        api.TemplateDetail.as_view(),
        name="api-report-template-detail",
    ),
    path("reports/<uuid:report_id>", api.ReportDetail.as_view(), name="api-report-detail"),
    path("reports/<uuid:report_id>/file", api.ReportFile.as_view(), name="api-report-file"),
]

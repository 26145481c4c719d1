"""Addresses of the pages of reports."""

from django.urls import path

from reports.pages import consent, views

urlpatterns = [
    path("", views.reports, name="reports"),
    path("new", views.report_new, name="report-new"),
    path("templates/new", views.template_edit, name="report-template-new"),
    path("templates/<uuid:report_template_id>", views.template_edit, name="report-template"),
    path("templates/<uuid:report_template_id>/run", views.template_run, name="report-template-run"),
    path(
        "templates/<uuid:report_template_id>/delete",
        views.template_delete,
        name="report-template-delete",
    ),
    path("confirm/<str:token>", consent.report_confirm, name="report-confirm"),
    path("end/<str:signed>", consent.report_unsubscribe, name="report-unsubscribe"),
    path("<uuid:report_id>", views.report, name="report-run"),
    path("<uuid:report_id>/progress", views.report_progress, name="report-progress"),
    path("<uuid:report_id>/file", views.report_file, name="report-file"),
    path("<uuid:report_id>/delete", views.report_delete, name="report-delete"),
]

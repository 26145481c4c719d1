"""Addresses of notes, all below /api/v1/."""

from django.urls import path

from telemetry.annotations.api import AnnotationDetail, SiteAnnotations

urlpatterns = [
    path("sites/<uuid:site_id>/annotations", SiteAnnotations.as_view(), name="api-annotations"),
    path(
        "annotations/<uuid:annotation_id>",
        AnnotationDetail.as_view(),
        name="api-annotation-detail",
    ),
]

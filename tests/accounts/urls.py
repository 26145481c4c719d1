"""A small API over devices and sites, for the tests of isolation on the web."""

from __future__ import annotations

from collections.abc import Iterator

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.template import engines
from django.template.response import SimpleTemplateResponse
from django.urls import include, path
from rest_framework.renderers import JSONRenderer
from rest_framework.routers import SimpleRouter
from rest_framework.serializers import ModelSerializer
from rest_framework.viewsets import ModelViewSet

from devices.models import Device, Gateway


class GatewaySerializer(ModelSerializer):
    """A gateway; the site is chosen among the tenant's own."""

    class Meta:
        model = Gateway
        fields = ("id", "uid", "name", "site")


class GatewayViewSet(ModelViewSet):
    """Declares its queryset once, when it is imported."""

    queryset = Gateway.objects.order_by("uid")
    serializer_class = GatewaySerializer
    renderer_classes = (JSONRenderer,)
    pagination_class = None
    permission = {
        "GET": "read:gateway",
        "HEAD": "read:gateway",
        "POST": "write:gateway",
        "PUT": "write:gateway",
        "PATCH": "write:gateway",
        "DELETE": "delete:gateway",
    }


def lazy_page(request: HttpRequest) -> HttpResponse:
    """Answer with a template that is rendered, and so queries, after the view has returned."""
    template = engines["django"].from_string("{% for d in devices %}{{ d.uid }};{% endfor %}")
    return SimpleTemplateResponse(template, {"devices": Device.objects.all()})


def stream(request: HttpRequest) -> StreamingHttpResponse:
    """Query while the answer is being sent."""

    def rows() -> Iterator[str]:
        yield from Device.objects.values_list("uid", flat=True)

    return StreamingHttpResponse(rows())


router = SimpleRouter()
router.register("gateways", GatewayViewSet)

urlpatterns = [
    path("api/v1/", include(router.urls)),
    path("page/", lazy_page),
    path("stream/", stream),
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.urls")),
]

"""The base of endpoints."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.utils import timezone
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.api.params import Params, read_params

# until a request comes: the schema is made without one
NEVER = dt.datetime.min.replace(tzinfo=dt.UTC)


class FormatNegotiation(DefaultContentNegotiation):
    """Leaves a `format` that is not offered to the check of the parameters, which names it."""

    def filter_renderers(self, renderers: Any, format: str) -> Any:
        """Return the renderers of the format, else all."""
        return [found for found in renderers if found.format == format] or renderers


class ReadView(APIView):
    """Base of endpoints that read.

    `params` holds the checked query parameters of a GET, `now` the instant of the request.
    """

    is_open_to_guests = True  # the tenant scope of a guest holds the shared rows only
    permission: str
    content_negotiation_class = FormatNegotiation
    http_method_names = ["get", "head", "post"]
    params_class: type[Params] = Params
    params: dict[str, Any]
    now = NEVER

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Check who asks, then what is asked."""
        super().initial(request, *args, **kwargs)
        self.now = timezone.now()
        if request.method in {"GET", "HEAD"}:
            self.params = read_params(request, self.params_class)

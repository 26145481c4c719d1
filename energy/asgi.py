"""HTTP and WebSocket entry point."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "energy.settings")

# loads the apps, so it stands before everything that imports models
http = get_asgi_application()

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402

from energy.access_log import mask_access_log  # noqa: E402
from energy.body_limit import bound_request_bodies  # noqa: E402
from telemetry.routing import websocket_urlpatterns  # noqa: E402

bound_request_bodies()
mask_access_log()

application = ProtocolTypeRouter({"http": http, "websocket": URLRouter(websocket_urlpatterns)})

"""What routes of notifications ask for; lines as in `test_permissions`."""

from __future__ import annotations

NEEDS_OF_NOTIFICATIONS = {
    "read:alarm": """
        alarms/notify/
        alarms/notify/log
        alarms/notify/mine
        alarms/notify/mine/subscribe
        alarms/notify/mine/browsers/<uuid:subscription_id>/remove
        alarms/notify/notes
        alarms/notify/notes/read
        GET api/v1/notifications/targets
        HEAD api/v1/notifications/targets
        GET api/v1/notifications/targets/<uuid:target_id>
        HEAD api/v1/notifications/targets/<uuid:target_id>
        GET api/v1/notifications/routes
        HEAD api/v1/notifications/routes
        GET api/v1/notifications/routes/<uuid:route_id>
        HEAD api/v1/notifications/routes/<uuid:route_id>
        GET api/v1/notifications/rotas
        HEAD api/v1/notifications/rotas
        GET api/v1/notifications/rotas/<uuid:rota_id>
        HEAD api/v1/notifications/rotas/<uuid:rota_id>
        GET api/v1/notifications/messages
        HEAD api/v1/notifications/messages
        GET api/v1/notifications/mine
        HEAD api/v1/notifications/mine
        PUT api/v1/notifications/mine
        GET api/v1/notifications/notes
        HEAD api/v1/notifications/notes
        POST api/v1/notifications/notes/read
        GET api/v1/notifications/push
        HEAD api/v1/notifications/push
        POST api/v1/notifications/push
        DELETE api/v1/notifications/push/<uuid:subscription_id>
    """,
    "write:alarm": """
        alarms/notify/targets/new
        alarms/notify/targets/<uuid:target_id>
        alarms/notify/targets/<uuid:target_id>/test
        alarms/notify/routes/new
        alarms/notify/routes/<uuid:route_id>
        alarms/notify/rotas/new
        alarms/notify/rotas/<uuid:rota_id>
        alarms/notify/messages/<uuid:message_id>/retry
        POST api/v1/notifications/targets
        PUT api/v1/notifications/targets/<uuid:target_id>
        POST api/v1/notifications/targets/<uuid:target_id>/test
        POST api/v1/notifications/targets/<uuid:target_id>/secret
        POST api/v1/notifications/routes
        PUT api/v1/notifications/routes/<uuid:route_id>
        POST api/v1/notifications/rotas
        PUT api/v1/notifications/rotas/<uuid:rota_id>
        POST api/v1/notifications/messages/<uuid:message_id>/retry
    """,
    "delete:alarm": """
        alarms/notify/targets/<uuid:target_id>/remove
        alarms/notify/routes/<uuid:route_id>/remove
        alarms/notify/rotas/<uuid:rota_id>/remove
        DELETE api/v1/notifications/targets/<uuid:target_id>
        DELETE api/v1/notifications/routes/<uuid:route_id>
        DELETE api/v1/notifications/rotas/<uuid:rota_id>
    """,
}

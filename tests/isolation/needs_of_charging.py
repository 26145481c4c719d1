"""What routes of charging ask for; lines as in `test_permissions`."""

from __future__ import annotations

NEEDS_OF_CHARGING = {
    "read:charger": """
        charging/
        charging/connectors/<uuid:connector_id>
        charging/points/<uuid:charge_point_id>/events
        charging/sessions
        charging/sessions.csv
        charging/sessions/<uuid:charging_session_id>
        charging/sessions/<uuid:charging_session_id>/receipt
        charging/sessions/<uuid:charging_session_id>/receipt.pdf
        charging/tags
        charging/prices
        api/v1/charging/health
        api/v1/charging/metrics
        api/v1/charging/charge-points
        GET api/v1/charging/charge-points/<uuid:charge_point_id>
        HEAD api/v1/charging/charge-points/<uuid:charge_point_id>
        api/v1/charging/charge-points/<uuid:charge_point_id>/status
        api/v1/charging/charge-points/<uuid:charge_point_id>/station
        api/v1/charging/charge-points/<uuid:charge_point_id>/meter
        api/v1/charging/charge-points/<uuid:charge_point_id>/current-available
        api/v1/charging/sessions
        api/v1/charging/sessions/<uuid:charging_session_id>
        api/v1/charging/sessions/<uuid:charging_session_id>/receipt
        GET api/v1/charging/tags
        HEAD api/v1/charging/tags
        GET api/v1/charging/tags/<uuid:id_tag_id>
        HEAD api/v1/charging/tags/<uuid:id_tag_id>
        GET api/v1/charging/prices
        HEAD api/v1/charging/prices
        GET api/v1/charging/prices/<uuid:charging_price_id>
        HEAD api/v1/charging/prices/<uuid:charging_price_id>
    """,
    "read:alarm": """
        api/v1/charging/alerts
    """,
    "control:charger": """
        charging/connectors/<uuid:connector_id>/act
        POST api/v1/charging/charge-points/<uuid:charge_point_id>/start
        POST api/v1/charging/charge-points/<uuid:charge_point_id>/stop
        POST api/v1/charging/charge-points/<uuid:charge_point_id>/max-current
        POST api/v1/charging/charge-points/<uuid:charge_point_id>/lock
        POST api/v1/charging/charge-points/<uuid:charge_point_id>/unlock
    """,
    "write:charger": """
        charging/points/<uuid:charge_point_id>/edit
        charging/tags/new
        charging/tags/learn
        charging/tags/<uuid:id_tag_id>
        charging/prices/new
        charging/prices/<uuid:charging_price_id>
        PATCH api/v1/charging/charge-points/<uuid:charge_point_id>
        POST api/v1/charging/tags
        PATCH api/v1/charging/tags/<uuid:id_tag_id>
        POST api/v1/charging/prices
        PATCH api/v1/charging/prices/<uuid:charging_price_id>
    """,
    "delete:charger": """
        charging/tags/<uuid:id_tag_id>/remove
        charging/prices/<uuid:charging_price_id>/remove
        DELETE api/v1/charging/tags/<uuid:id_tag_id>
        DELETE api/v1/charging/prices/<uuid:charging_price_id>
    """,
}

"""Addresses of the pages of charging, below /charging/."""

from django.urls import path

from charging.pages import connector, editing, overview, sessions

_CONNECTOR = "connectors/<uuid:connector_id>"
_SESSION = "sessions/<uuid:charging_session_id>"
_TAG = "tags/<uuid:id_tag_id>"
_PRICE = "prices/<uuid:charging_price_id>"
_POINT = "points/<uuid:charge_point_id>"

urlpatterns = [
    path("", overview.overview, name="charging"),
    path(_CONNECTOR, connector.connector, name="charging-connector"),
    path(f"{_CONNECTOR}/act", connector.act, name="charging-connector-act"),
    path(f"{_POINT}/events", overview.events, name="charging-events"),
    path(f"{_POINT}/edit", editing.point_edit, name="charging-point-edit"),
    path("sessions", sessions.sessions, name="charging-sessions"),
    path("sessions.csv", sessions.sessions_csv, name="charging-sessions-csv"),
    path(_SESSION, sessions.session, name="charging-session"),
    path(f"{_SESSION}/receipt", sessions.receipt, name="charging-receipt"),
    path("tags", editing.tags, name="charging-tags"),
    path("tags/new", editing.tag_edit, name="charging-tag-new"),
    path("tags/learn", editing.learn, name="charging-tag-learn"),
    path(_TAG, editing.tag_edit, name="charging-tag"),
    path(f"{_TAG}/remove", editing.tag_remove, name="charging-tag-remove"),
    path("prices", editing.prices, name="charging-prices"),
    path("prices/new", editing.price_edit, name="charging-price-new"),
    path(_PRICE, editing.price_edit, name="charging-price"),
    path(f"{_PRICE}/remove", editing.price_remove, name="charging-price-remove"),
]

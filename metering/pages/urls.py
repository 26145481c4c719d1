"""Pages of meters."""

from django.urls import path

from metering.pages import bookings, entry, explain, views

_METER = "energy/meters/<uuid:meter_id>"

urlpatterns = [
    path("energy/meters", views.meters, name="meters"),
    path("energy/meters/new", entry.meter_new, name="meter-new"),
    path(_METER, views.meter, name="meter"),
    path(f"{_METER}/explain", explain.explain, name="meter-explain"),
    path(f"{_METER}/replace", entry.meter_replace, name="meter-replace"),
    path(f"{_METER}/book", bookings.meter_book, name="meter-book"),
    path(
        f"{_METER}/decisions/<int:decision_id>/book",
        bookings.decision_book,
        name="meter-decision-book",
    ),
    path(
        f"{_METER}/decisions/<int:decision_id>/keep",
        bookings.decision_keep,
        name="meter-decision-keep",
    ),
    path(f"{_METER}/recalculate", bookings.meter_recalculate, name="meter-recalculate"),
    path(f"{_METER}/remove", entry.meter_remove, name="meter-remove"),
]

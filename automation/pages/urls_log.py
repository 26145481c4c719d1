"""Addresses of the log of automation, below /automation/."""

from django.urls import path

from automation.pages import log

urlpatterns = [
    path("log/", log.log, name="automation-log"),
    path("log/<uuid:execution_id>/", log.execution, name="automation-log-execution"),
    path("log/<uuid:execution_id>/answer", log.execution_answer, name="automation-log-answer"),
]

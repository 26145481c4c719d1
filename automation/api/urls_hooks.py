"""Where other programs set rules off."""

from django.urls import path

from automation.api.hooks import automation_hook

urlpatterns = [path("hooks/automation/<str:token>", automation_hook, name="automation-hook")]

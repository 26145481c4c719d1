"""The side bar of the admin, in the order in which staff look for things."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from accounts.admin_site import is_tenant_administrator

# group: models with the name of an icon of the theme
MENU: dict[Any, dict[str, str]] = {
    _("Fleet"): {
        "devices.Device": "electric_meter",
        "devices.Gateway": "router",
        "devices.Site": "location_on",
        "devices.Channel": "show_chart",
        "devices.DeviceProfile": "category",
        "devices.PendingDevice": "hourglass_empty",
        "devices.Claim": "qr_code_scanner",
        "devices.Zone": "grid_view",
        "devices.DeviceEvent": "notifications",
        "devices.LiveEvent": "rss_feed",
        "devices.ZigbeeNode": "hub",
        "devices.ZigbeeBridge": "settings_input_antenna",
        "devices.PendingZigbeeClaim": "add_link",
        "devices.GatewayShareToken": "vpn_key",
        "devices.DeviceConfiguration": "tune",
        "devices.DeviceCertificate": "workspace_premium",
    },
    _("Wires"): {
        "devices.ModbusBus": "lan",
        "devices.ModbusUnit": "electrical_services",
        "devices.SerialLine": "usb",
        "devices.PortLease": "key",
    },
    _("Commands"): {
        "devices.Command": "terminal",
        "devices.CommandBatch": "playlist_add_check",
        "devices.EmergencyStop": "emergency_home",
        "devices.Interlock": "lock",
        "devices.ActuatorState": "toggle_on",
        "devices.OutboundMessage": "outbox",
    },
    _("Firmware"): {
        "devices.FirmwareRelease": "memory",
        "devices.PublishedRelease": "publish",
        "devices.Campaign": "rocket_launch",
        "devices.CampaignTarget": "checklist",
        "devices.FirmwareKey": "verified",
    },
    _("Measurements"): {
        "telemetry.LatestValue": "speed",
        "telemetry.ChannelDay": "fact_check",
        "telemetry.SequenceGap": "running_with_errors",
        "telemetry.DeviceSequence": "format_list_numbered",
        "telemetry.SampleCorrection": "edit_note",
        "telemetry.Annotation": "sticky_note_2",
        "telemetry.VirtualChannel": "function",
        "telemetry.VirtualInput": "input",
        "telemetry.ImportJob": "upload_file",
        "telemetry.ImportProblem": "rule",
        "telemetry.ExportJob": "download",
        "telemetry.RejectedMessage": "report",
        "telemetry.SamplePartition": "database",
    },
    _("Alarms"): {
        "alarms.Alarm": "notifications_active",
        "alarms.AlarmEvent": "history",
        "alarms.AlarmRule": "rule",
        "alarms.AlarmRuleVersion": "history_edu",
        "alarms.MaintenanceWindow": "construction",
        "alarms.Shelving": "notifications_paused",
        "alarms.NotificationTarget": "contact_mail",
        "alarms.NotificationRoute": "alt_route",
        "alarms.OnCallRota": "event_available",
        "alarms.NotificationMessage": "outgoing_mail",
        "alarms.Notification": "outbox",
        "alarms.InAppNote": "notifications",
        "alarms.PushSubscription": "web_asset",
        "alarms.WatchState": "visibility",
        "alarms.AlarmCheck": "rule_settings",
        "alarms.DeviceEventNote": "pending_actions",
    },
    _("Automation"): {
        "automation.AutomationRule": "smart_toy",
        "automation.AutomationRuleVersion": "history_edu",
        "automation.Schedule": "calendar_clock",
        "automation.Execution": "play_circle",
        "automation.ExecutionStep": "checklist",
        "automation.DemandGuard": "speed",
        "automation.SheddableLoad": "power_off",
        "automation.DemandWindow": "query_stats",
        "automation.RuleState": "visibility",
        "automation.AutomationEventNote": "pending_actions",
        "automation.Recipe": "menu_book",
        "automation.RecipePhase": "timeline",
        "automation.ZoneControl": "tune",
        "automation.ZoneRole": "badge",
        "automation.ZoneController": "target",
        "automation.ZonePhase": "event_repeat",
    },
    _("Charging"): {
        "charging.ChargePoint": "ev_station",
        "charging.Connector": "power",
        "charging.IdTag": "contactless",
        "charging.ChargingPrice": "sell",
        "charging.ChargingSession": "electric_car",
        "charging.ChargingEvent": "history",
        "charging.EventSubscriber": "rss_feed",
    },
    _("Energy"): {
        "metering.Meter": "electric_meter",
        "metering.MeterInstallation": "build",
        "metering.Register": "pin",
        "metering.RegisterFeed": "cable",
        "metering.LedgerDecision": "gavel",
        "metering.LedgerBooking": "edit_square",
        "metering.Budget": "savings",
        "metering.Baseline": "trending_down",
    },
    _("Reports"): {
        "reports.ReportRun": "description",
        "reports.ReportTemplate": "draft",
        "reports.Delivery": "outgoing_mail",
        "reports.Recipient": "contact_mail",
    },
    _("Costs"): {
        "metering.Tariff": "sell",
        "metering.TariffVersion": "history_edu",
        "metering.TariffAssignment": "assignment",
        "metering.PriceSeries": "price_change",
        "metering.Price": "payments",
        "metering.BillingPeriod": "receipt_long",
        "metering.CostLine": "request_quote",
        "metering.CostMonth": "calendar_month",
        "metering.CostState": "sync_problem",
        "metering.CostCentre": "apartment",
        "metering.AllocationKey": "pie_chart",
        "metering.AllocationShare": "percent",
    },
    _("Tenants and people"): {
        "accounts.Tenant": "domain",
        "accounts.User": "person",
        "accounts.Membership": "badge",
        "accounts.Role": "shield_person",
        "accounts.Invitation": "mail",
        "accounts.ApiKey": "key",
        "accounts.AuditEvent": "history",
        "accounts.Plan": "sell",
        "auth.Group": "group",
    },
    _("Shared with others"): {
        "devices.DeviceUserPermission": "person_add",
        "devices.DeviceTenantPermission": "group_add",
        "devices.SiteUserPermission": "person_pin_circle",
        "devices.SiteTenantPermission": "add_location",
    },
    _("Periodic jobs"): {
        "django_celery_beat.PeriodicTask": "schedule",
        "django_celery_beat.IntervalSchedule": "timer",
        "django_celery_beat.CrontabSchedule": "event_repeat",
    },
}


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the groups with the lists that the person may see."""
    start = {"title": _("Overview"), "icon": "dashboard", "link": reverse("admin:index")}
    groups: list[dict[str, Any]] = [{"items": [start]}]
    for title, models in MENU.items():
        items = [item for label, icon in models.items() if (item := _item(request, label, icon))]
        if items:
            groups.append({"title": title, "separator": True, "items": items})
    return groups


def _item(request: HttpRequest, label: str, icon: str) -> dict[str, Any] | None:
    model = apps.get_model(label)
    if not admin.site.is_registered(model):
        return None
    if not admin.site.get_model_admin(model).has_view_permission(request):
        return None
    link = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return {"title": capfirst(model._meta.verbose_name_plural), "icon": icon, "link": link}


def subheader(request: HttpRequest) -> str:
    """Say whose fleet it is: the tenant's to its administrators."""
    if is_tenant_administrator(request):
        return str(request.acting.tenant.name)  # type: ignore[attr-defined]
    return str(_("Fleet administration"))


def brand_mark(request: HttpRequest) -> str:
    """Return the address of the product's mark."""
    return static("ui/mark.svg")


def chooser_names(request: HttpRequest) -> str:
    """Return the address of the script that names choosers for screen readers."""
    return static("fleet/select_names.js")

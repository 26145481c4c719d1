"""Addresses of the pages about the fleet."""

from __future__ import annotations

from django.urls import include, path

from devices.pages import (
    batches,
    campaigns,
    certificates,
    commands,
    configuration,
    device_edit,
    firmware,
    fleet,
    stops,
)

urlpatterns = [
    path("fleet", fleet.fleet, name="fleet"),
    path("devices/<uuid:device_id>/edit", device_edit.device_edit, name="device-edit"),
    path(
        "devices/<uuid:device_id>/maintenance",
        device_edit.device_maintenance,
        name="device-maintenance",
    ),
    path(
        "devices/<uuid:device_id>/configuration",
        configuration.configuration,
        name="device-configuration",
    ),
    path(
        "devices/<uuid:device_id>/configuration/revert",
        configuration.configuration_revert,
        name="device-configuration-revert",
    ),
    path(
        "devices/<uuid:device_id>/certificates",
        certificates.certificates,
        name="device-certificates",
    ),
    path(
        "devices/<uuid:device_id>/certificates/<str:serial>/revoke",
        certificates.certificate_revoke,
        name="device-certificate-revoke",
    ),
    path("devices/<uuid:device_id>/shut-out", certificates.shut_out, name="device-shut-out"),
    path("devices/<uuid:device_id>/commands", commands.console, name="device-commands"),
    path(
        "devices/<uuid:device_id>/commands/recent", commands.recent, name="device-commands-recent"
    ),
    path("commands", commands.command_list, name="commands"),
    path("commands/<uuid:command_id>", commands.command_detail, name="command-detail"),
    path("commands/<uuid:command_id>/cancel", commands.command_cancel, name="command-cancel"),
    path("batches", batches.batches, name="batches"),
    path("batches/new", batches.batch_new, name="batch-new"),
    path("batches/<uuid:batch_id>", batches.batch, name="batch"),
    path("batches/<uuid:batch_id>/progress", batches.batch_progress, name="batch-progress"),
    path("batches/<uuid:batch_id>/cancel", batches.batch_cancel, name="batch-cancel"),
    path("batches/<uuid:batch_id>/retry", batches.batch_retry, name="batch-retry"),
    path("emergency-stops", stops.stops, name="stops"),
    path("emergency-stops/press", stops.stop_press, name="stop-press"),
    path("emergency-stops/<uuid:stop_id>/release", stops.stop_release, name="stop-release"),
    path("firmware", firmware.firmware, name="firmware"),
    path("firmware/upload", firmware.firmware_upload, name="firmware-upload"),
    path("firmware/adopt", firmware.firmware_adopt, name="firmware-adopt"),
    path("firmware/keys", firmware.firmware_keys, name="firmware-keys"),
    path("firmware/keys/new", firmware.firmware_key_new, name="firmware-key-new"),
    path(
        "firmware/keys/<uuid:vendor_key_id>/revoke",
        firmware.firmware_key_revoke,
        name="firmware-key-revoke",
    ),
    path(
        "firmware/<uuid:release_id>/withdraw", firmware.firmware_withdraw, name="firmware-withdraw"
    ),
    path("campaigns", campaigns.campaigns, name="campaigns"),
    path("campaigns/new", campaigns.campaign_new, name="campaign-new"),
    path("campaigns/<uuid:campaign_id>", campaigns.campaign, name="campaign"),
    path(
        "campaigns/<uuid:campaign_id>/progress",
        campaigns.campaign_progress,
        name="campaign-progress",
    ),
    path("campaigns/<uuid:campaign_id>/pause", campaigns.campaign_pause, name="campaign-pause"),
    path("campaigns/<uuid:campaign_id>/resume", campaigns.campaign_resume, name="campaign-resume"),
    path("campaigns/<uuid:campaign_id>/cancel", campaigns.campaign_cancel, name="campaign-cancel"),
    path("", include("devices.pages.zigbee_urls")),
]

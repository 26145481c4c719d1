"""Periodic jobs. Each claims its work from the database and may die at any moment."""

from __future__ import annotations

from typing import Any


def _every(seconds: float, task: str, *, queue: str = "default") -> dict[str, Any]:
    return {"task": task, "schedule": seconds, "options": {"queue": queue}}


CELERY_BEAT_SCHEDULE = {
    "telemetry-maintain-partitions": _every(
        3600.0, "telemetry.tasks.maintain_partitions", queue="cleanup"
    ),
    "telemetry-delete-expired": _every(
        21_600.0, "telemetry.tasks.delete_expired_samples", queue="cleanup"
    ),
    "telemetry-compute-days": _every(60.0, "telemetry.truth.tasks.compute_days", queue="cleanup"),
    "telemetry-request-backfills": _every(15.0, "telemetry.truth.tasks.request_backfills"),
    "telemetry-run-imports": _every(30.0, "telemetry.imports.tasks.run_imports"),
    "telemetry-delete-import-files": _every(
        86_400.0, "telemetry.imports.tasks.delete_import_files", queue="cleanup"
    ),
    "telemetry-run-exports": _every(10.0, "telemetry.exports.tasks.run_exports"),
    "telemetry-delete-old-exports": _every(
        3600.0, "telemetry.exports.tasks.delete_old_exports", queue="cleanup"
    ),
    "reports-send-due": _every(30.0, "reports.tasks.send_due_reports"),
    "reports-run": _every(10.0, "reports.tasks.run_reports"),
    "reports-deliver": _every(15.0, "reports.tasks.deliver_reports"),
    "reports-delete-old": _every(3600.0, "reports.tasks.delete_old_reports", queue="cleanup"),
    "telemetry-pack-days": _every(1800.0, "telemetry.tasks.pack_old_days", queue="cleanup"),
    "telemetry-remove-deleted": _every(
        600.0, "telemetry.tasks.remove_deleted_channels", queue="cleanup"
    ),
    "telemetry-prune-rejected": _every(3600.0, "telemetry.tasks.prune_rejected", queue="cleanup"),
    "devices-end-live-configurations": _every(15.0, "devices.tasks.end_live_configurations"),
    "devices-finish-broker-changes": _every(20.0, "devices.tasks_pki.finish_broker_changes"),
    "devices-look-after-certificates": _every(300.0, "devices.tasks_pki.look_after_certificates"),
    "devices-sync-broker-accounts": _every(3600.0, "devices.tasks_pki.sync_broker_accounts"),
    "devices-expire-claims": _every(60.0, "devices.tasks_claims.expire_claims"),
    "devices-expire-zigbee-claims": _every(300.0, "devices.tasks_zigbee.expire_zigbee_claims"),
    "devices-delete-live-events": _every(
        3600.0, "devices.tasks_live.delete_old_events", queue="cleanup"
    ),
    "devices-forget-boxes": _every(3600.0, "devices.tasks_claims.forget_boxes", queue="cleanup"),
    "devices-end-commands": _every(20.0, "devices.tasks_commands.end_commands"),
    "devices-push-configurations": _every(60.0, "devices.tasks.push_configurations"),
    "devices-step-campaigns": _every(10.0, "devices.tasks_firmware.step_campaigns", queue="ota"),
    "devices-delete-orphaned-images": _every(
        21_600.0, "devices.tasks_firmware.delete_orphans", queue="cleanup"
    ),
}

"""Periodic jobs of certificates and of the broker's accounts."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from django.utils import timezone

from accounts.tenancy import all_tenants
from devices.services import broker_changes, broker_sync, certificates, revocation
from devices.services.revocation_list import warn_of_old_list


@shared_task
def finish_broker_changes(**kwargs: Any) -> int:
    """Do what the broker could not do at once, sign the list daily; return what is left."""
    return broker_changes.carry_out_due(now=timezone.now())


@shared_task
def look_after_certificates(**kwargs: Any) -> dict[str, int]:
    """Revoke what was replaced, warn of certificates and of a list that end soon."""
    now = timezone.now()
    with all_tenants():
        return {
            "replaced": revocation.revoke_replaced(now=now),
            "warned": certificates.warn_of_ends(now=now),
            "list_ends": int(warn_of_old_list(now=now)),
        }


@shared_task
def sync_broker_accounts(**kwargs: Any) -> dict[str, int]:
    """Compare the broker's accounts with the boxes, and mend what differs."""
    found = broker_sync.sync_accounts(now=timezone.now())
    return {"added": len(found.added), "removed": len(found.removed)}

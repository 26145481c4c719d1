"""The base of background jobs that work for one tenant."""

from __future__ import annotations

import uuid
from typing import Any

from celery import Task

from accounts.tenancy import tenant_scope


class TenantTask(Task):
    """Run the task in the scope of its `tenant_id=` argument.

        @shared_task(base=TenantTask)
        def forget_device(*, tenant_id: str, device_id: str, **kwargs: Any) -> None: ...

    A call without `tenant_id` has no scope, so its first query on a tenant's table raises.
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Enter the scope around the task's function."""
        tenant_id = kwargs.get("tenant_id")
        if tenant_id is None:
            return super().__call__(*args, **kwargs)
        with tenant_scope(uuid.UUID(str(tenant_id))):
            return super().__call__(*args, **kwargs)

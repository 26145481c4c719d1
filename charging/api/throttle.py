"""At most so many starts and stops a minute of one caller."""

from __future__ import annotations

import math
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from accounts.api.problems import Problem
from accounts.limits.middleware import take
from accounts.limits.window import Limit


class TooManyCalls(Problem):
    """More starts and stops within a minute than a vehicle could follow."""

    status_code = HTTPStatus.TOO_MANY_REQUESTS
    default_code = "rate_limited"


def count_call(user: Any) -> None:
    """Count a start or stop of a person or key. Raises: TooManyCalls."""
    calls = settings.RATE_LIMITS["charging"]
    if calls is None:
        return
    subject = str(getattr(user, "key_id", user.pk))
    decision = take([Limit("charging", subject, calls)])
    if decision is not None and not decision.is_allowed:
        seconds = max(1, math.ceil(decision.wait_seconds))
        raise TooManyCalls(
            _("Too many calls; try again in %(seconds)s seconds.") % {"seconds": seconds},
            retry_after_seconds=seconds, extra={"scope": "charging", "limit": calls},
        )  # fmt: skip

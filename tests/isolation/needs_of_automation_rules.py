"""What routes of rules of automation ask for; lines as in `test_permissions`."""

from __future__ import annotations

NEEDS_OF_AUTOMATION_RULES = {
    "read:automation": """
        automation/
    """,
}

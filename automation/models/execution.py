"""What automation did, and why; or why it did not."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import TenantModel, TenantOwned
from automation.models.live_triggers import OF_EXECUTIONS
from automation.models.rule import AutomationRule
from automation.models.schedule import Schedule


class Origin(models.TextChoices):
    """What decided that something is done."""

    RULE = "rule", _("Rule")
    SCHEDULE = "schedule", _("Schedule")
    CONTROLLER = "controller", _("Controller")
    GUARD = "guard", _("Demand guard")


class ExecutionState(models.TextChoices):
    """How far an execution is."""

    PROPOSED = "proposed", _("Waits for somebody to agree")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
    REFUSED = "refused", _("Refused by the safety check")
    SKIPPED = "skipped", _("Not done")
    CANCELLED = "cancelled", _("Cancelled")


OPEN = (ExecutionState.PROPOSED, ExecutionState.RUNNING)


class Reason(models.TextChoices):
    """Why something was not done, or not to its end."""

    NONE = "", _("None")
    CONDITIONS = "conditions", _("The conditions did not hold")
    COOLDOWN = "cooldown", _("It had acted shortly before")
    TOO_LATE = "too_late", _("It became known too late")
    MISSED = "missed", _("Nobody was there when it was due")
    MANUAL_MODE = "manual_mode", _("The zone is controlled by hand")
    DRY = "dry", _("Dry run")
    STOPPED = "stopped", _("The rule is stopped")
    LOOP = "loop", _("It would have set itself off")
    NOT_AGREED = "not_agreed", _("Nobody agreed in time")
    ERROR = "error", _("It could not be worked out")
    STEP = "step", _("A step failed")


class Execution(TenantModel):
    """One decision of a rule, schedule, controller or demand guard, and what came of it.

    Once for each (`origin_id`, `trigger_key`): whoever finds the same trigger again, after a
    crash or beside another process, makes no second one. `label` and `version` say what decided,
    as it was then. `trigger`: what set it off; `seen`: the values looked at, as a list of
    {"what", "value", "unit", "at", "holds"}. `chain`: the origins whose actions led here, the
    first one first. `number`: the next step; `next_at`: when it is looked at again, null: over.
    """

    origin = models.CharField(_("by"), max_length=10, choices=Origin, editable=False)
    origin_id = models.UUIDField(editable=False)
    trigger_key = models.CharField(max_length=120, editable=False)
    label = models.CharField(_("name"), max_length=120, editable=False)
    version = models.PositiveIntegerField(_("version"), default=0, editable=False)
    rule = models.ForeignKey(
        AutomationRule, models.SET_NULL, null=True, editable=False, related_name="executions",
        verbose_name=_("rule"),
    )  # fmt: skip
    schedule = models.ForeignKey(
        Schedule, models.SET_NULL, null=True, editable=False, related_name="executions",
        verbose_name=_("schedule"),
    )  # fmt: skip
    site = models.ForeignKey(
        "devices.Site", models.SET_NULL, null=True, editable=False, related_name="+",
        verbose_name=_("site"),
    )  # fmt: skip
    zone = models.ForeignKey(
        "devices.Zone", models.SET_NULL, null=True, editable=False, related_name="executions",
        verbose_name=_("zone"),
    )  # fmt: skip
    state = models.CharField(
        _("state"), max_length=10, choices=ExecutionState, default=ExecutionState.RUNNING,
        editable=False,
    )  # fmt: skip
    reason = models.CharField(
        _("reason"), max_length=12, choices=Reason, blank=True, editable=False
    )
    detail = models.CharField(_("detail"), max_length=500, blank=True, editable=False)
    trigger = models.JSONField(_("set off by"), default=dict, editable=False)
    seen = models.JSONField(_("values seen"), default=list, editable=False)
    chain = models.JSONField(default=list, editable=False)
    triggered_at = models.DateTimeField(_("set off"), editable=False)
    decided_at = models.DateTimeField(_("decided"), editable=False)
    finished_at = models.DateTimeField(_("over"), null=True, editable=False)
    agreed_by = models.CharField(_("agreed by"), max_length=254, blank=True, editable=False)
    number = models.PositiveSmallIntegerField(default=0, editable=False)
    next_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = _("execution")
        verbose_name_plural = _("executions")
        triggers = OF_EXECUTIONS
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "origin_id", "trigger_key"], name="execution_once"
            ),
            models.UniqueConstraint(fields=["tenant", "id"], name="execution_tenant_id"),
            models.CheckConstraint(
                condition=Q(state__in=["proposed", "running"], next_at__isnull=False)
                | ~Q(state__in=["proposed", "running"]) & Q(next_at__isnull=True),
                name="execution_is_open_or_over",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_at"], condition=Q(next_at__isnull=False), name="execution_due"
            ),
            models.Index(fields=["tenant", "-decided_at"], name="execution_by_time"),
            models.Index(fields=["origin_id", "-decided_at"], name="execution_of_origin"),
        ]

    def __str__(self) -> str:
        return f"{self.label} {self.triggered_at:%Y-%m-%d %H:%M:%S}"


class StepState(models.TextChoices):
    """How far a step is."""

    WAITING = "waiting", _("Waiting")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
    REFUSED = "refused", _("Refused by the safety check")
    SKIPPED = "skipped", _("Not done")


class ExecutionStep(TenantOwned):
    """One action of an execution. `action`: see `actions`; `tries`: of a device that was busy."""

    id = models.BigAutoField(primary_key=True)
    execution = models.ForeignKey(
        Execution, models.CASCADE, related_name="steps", editable=False,
        verbose_name=_("execution"),
    )  # fmt: skip
    number = models.PositiveSmallIntegerField(_("number"), editable=False)
    action = models.JSONField(_("action"), editable=False)
    state = models.CharField(
        _("state"), max_length=10, choices=StepState, default=StepState.WAITING, editable=False
    )
    command = models.ForeignKey(
        "devices.Command", models.SET_NULL, null=True, editable=False, related_name="+",
        verbose_name=_("command"),
    )  # fmt: skip
    tries = models.PositiveSmallIntegerField(_("tries"), default=0, editable=False)
    code = models.CharField(_("code"), max_length=64, blank=True, editable=False)
    detail = models.CharField(_("detail"), max_length=500, blank=True, editable=False)
    started_at = models.DateTimeField(_("begun"), null=True, editable=False)
    finished_at = models.DateTimeField(_("over"), null=True, editable=False)

    class Meta:
        verbose_name = _("step of an execution")
        verbose_name_plural = _("steps of executions")
        constraints = [
            models.UniqueConstraint(fields=["execution", "number"], name="execution_step_number"),
        ]
        indexes = [models.Index(fields=["command"], name="execution_step_of_command")]

    def __str__(self) -> str:
        return f"{self.execution_id} {self.number}"

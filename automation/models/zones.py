"""How zones are controlled: their mode, what acts in them, and the recipe they follow."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import TenantModel, TenantOwned


class ControlMode(models.TextChoices):
    """Who decides in a zone; people and safety always may."""

    AUTO = "auto", _("Automatic")
    SEMI = "semi", _("Half automatic")
    MANUAL = "manual", _("By hand")


class RecipeState(models.TextChoices):
    """How far a zone is with its recipe."""

    NONE = "", _("None")
    RUNNING = "running", _("Running")
    DONE = "done", _("Finished")
    STOPPED = "stopped", _("Stopped")


class Recipe(TenantModel):
    """Phases that follow each other, each with targets and schedules. Example: "Basil, 5 weeks".

    It names roles such as "ph_down", not devices: any zone that has these roles can follow it.
    `revision` counts changes; a zone goes on with the phases it began with until told otherwise.
    """

    name = models.CharField(_("name"), max_length=100)
    note = models.CharField(_("note"), max_length=500, blank=True)
    revision = models.PositiveIntegerField(_("revision"), default=1, editable=False)

    class Meta:
        verbose_name = _("recipe")
        verbose_name_plural = _("recipes")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="recipe_name_per_tenant"),
            models.UniqueConstraint(fields=["tenant", "id"], name="recipe_tenant_id"),
        ]

    def __str__(self) -> str:
        return self.name


class RecipePhase(TenantModel):
    """A part of a recipe. Example: "Germination", 72 h. `definition`: see `control.recipe`."""

    recipe = models.ForeignKey(
        Recipe, models.CASCADE, related_name="phases", verbose_name=_("recipe")
    )
    number = models.PositiveSmallIntegerField(_("number"), help_text=_("The first one is 0."))
    name = models.CharField(_("name"), max_length=100)
    hours = models.FloatField(
        _("hours"), null=True, blank=True,
        help_text=_("How long it lasts. Blank: until somebody goes on."),
    )  # fmt: skip
    definition = models.JSONField(_("targets and schedules"), default=dict, blank=True)

    class Meta:
        verbose_name = _("phase of a recipe")
        verbose_name_plural = _("phases of recipes")
        constraints = [
            models.UniqueConstraint(fields=["recipe", "number"], name="recipe_phase_number"),
            models.CheckConstraint(
                condition=Q(hours__isnull=True) | Q(hours__gt=0), name="recipe_phase_lasts"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ZoneControl(TenantModel):
    """How a zone is controlled. A zone without one is automatic and has no controllers.

    `mode_until`: then the mode becomes `mode_after` by itself. `plan`: the phases of the recipe
    as they were when it began; `phase` is the number of the one that runs, which began at
    `phase_started_at` and ends at `phase_until` (null: when somebody goes on). `turn` counts the
    phases that have begun here. `next_at`: when its targets are looked at again.
    """

    zone = models.OneToOneField(
        "devices.Zone", models.CASCADE, related_name="control", verbose_name=_("zone"),
        editable=False,
    )  # fmt: skip
    mode = models.CharField(_("mode"), max_length=6, choices=ControlMode, default=ControlMode.AUTO)
    mode_reason = models.CharField(_("why"), max_length=500, blank=True)
    mode_by = models.CharField(_("set by"), max_length=254, blank=True, editable=False)
    mode_at = models.DateTimeField(_("set"), null=True, editable=False)
    mode_until = models.DateTimeField(_("until"), null=True, blank=True)
    mode_after = models.CharField(
        _("mode afterwards"), max_length=6, choices=ControlMode, default=ControlMode.AUTO
    )
    recipe = models.ForeignKey(
        Recipe, models.SET_NULL, null=True, editable=False, related_name="zones",
        verbose_name=_("recipe"),
    )  # fmt: skip
    recipe_name = models.CharField(max_length=100, blank=True, editable=False)
    recipe_revision = models.PositiveIntegerField(_("revision"), default=0, editable=False)
    recipe_state = models.CharField(
        _("recipe is"), max_length=7, choices=RecipeState, blank=True, editable=False
    )
    recipe_started_at = models.DateTimeField(_("recipe begun"), null=True, editable=False)
    plan = models.JSONField(default=list, editable=False)
    phase = models.PositiveSmallIntegerField(_("phase"), null=True, editable=False)
    phase_started_at = models.DateTimeField(_("phase begun"), null=True, editable=False)
    phase_until = models.DateTimeField(_("phase ends"), null=True, editable=False)
    turn = models.PositiveIntegerField(default=0, editable=False)
    next_at = models.DateTimeField(null=True, editable=False)
    last_cycle_at = models.DateTimeField(_("looked at"), null=True, editable=False)
    errors = models.PositiveIntegerField(_("errors in a row"), default=0, editable=False)
    last_error = models.CharField(_("last error"), max_length=500, blank=True, editable=False)
    last_error_at = models.DateTimeField(_("last error at"), null=True, editable=False)

    class Meta:
        verbose_name = _("control of a zone")
        verbose_name_plural = _("controls of zones")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="zone_control_tenant_id"),
            models.CheckConstraint(
                condition=Q(recipe_state="running", phase__isnull=False,
                            phase_started_at__isnull=False)
                | ~Q(recipe_state="running"),
                name="zone_control_runs_a_phase",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.zone_id}"


class ZoneRole(TenantModel):
    """What a recipe may ask of a zone, and who does it here.

    Example: "ph_down" is `dose` of "Doser 1", pump 2, with the amount in `ml`. `actuator`
    follows from the start command: what it switches, where that is known.
    """

    control = models.ForeignKey(
        ZoneControl, models.CASCADE, related_name="roles", verbose_name=_("zone"),
        editable=False,
    )  # fmt: skip
    name = models.CharField(_("role"), max_length=40)
    device = models.ForeignKey(
        "devices.Device", models.CASCADE, related_name="+", verbose_name=_("device")
    )
    start = models.CharField(_("command"), max_length=64)
    params = models.JSONField(_("its parameters"), default=dict, blank=True)
    amount = models.CharField(
        _("parameter of the amount"), max_length=64, blank=True,
        help_text=_("What a controller fills in: a dose, a time or a value."),
    )  # fmt: skip
    stop = models.CharField(_("command that stops"), max_length=64, blank=True)
    stop_params = models.JSONField(_("parameters of the stop"), default=dict, blank=True)
    actuator = models.CharField(_("actuator"), max_length=64, blank=True, editable=False)

    class Meta:
        verbose_name = _("role in a zone")
        verbose_name_plural = _("roles in zones")
        constraints = [
            models.UniqueConstraint(fields=["control", "name"], name="zone_role_name"),
        ]

    def __str__(self) -> str:
        return self.name


class ZoneController(TenantModel):
    """Brings a value of a zone to its target. Example: pH to 5.8, with doses of 2 to 10 ml.

    The target is that of the recipe's phase for `metric`, else its own. dose: an amount that
    grows with the deviation. switch: on and off. setpoint: tells the device the target itself.
    """

    class Kind(models.TextChoices):
        DOSE = "dose", _("Doses")
        SWITCH = "switch", _("On and off")
        SETPOINT = "setpoint", _("Passes the target on")

    control = models.ForeignKey(
        ZoneControl, models.CASCADE, related_name="controllers", verbose_name=_("zone"),
        editable=False,
    )  # fmt: skip
    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("kind"), max_length=8, choices=Kind, default=Kind.DOSE)
    metric = models.CharField(_("metric"), max_length=64, help_text=_("As in recipes: ph."))
    channel = models.ForeignKey(
        "devices.Channel", models.CASCADE, null=True, blank=True, related_name="+",
        verbose_name=_("channel"), help_text=_("What is measured; a setpoint needs none."),
    )  # fmt: skip
    raises = models.CharField(_("role that raises"), max_length=40, blank=True)
    lowers = models.CharField(_("role that lowers"), max_length=40, blank=True)
    target = models.FloatField(_("own target"), null=True, blank=True)
    deadband = models.FloatField(
        _("deadband"), default=0.0, help_text=_("No action within so much of the target.")
    )
    gain = models.FloatField(
        _("amount per unit"), default=0.0, help_text=_("Dose for a deviation of 1.")
    )
    least = models.FloatField(_("smallest dose"), default=0.0)
    most = models.FloatField(_("largest dose"), default=0.0)
    pause_seconds = models.PositiveIntegerField(_("pause (s)"), default=300)
    per_hour = models.FloatField(
        _("most in an hour"), null=True, blank=True, help_text=_("Of doses their sum.")
    )
    per_day = models.FloatField(_("most in 24 hours"), null=True, blank=True)
    max_age_seconds = models.PositiveIntegerField(
        _("oldest value (s)"), default=300, help_text=_("An older value counts for nothing.")
    )
    is_enabled = models.BooleanField(_("enabled"), default=False)

    class Meta:
        verbose_name = _("controller of a zone")
        verbose_name_plural = _("controllers of zones")
        constraints = [
            models.UniqueConstraint(fields=["control", "name"], name="zone_controller_name"),
            models.UniqueConstraint(fields=["tenant", "id"], name="zone_controller_tenant_id"),
            models.CheckConstraint(
                condition=Q(deadband__gte=0, gain__gte=0, least__gte=0, most__gte=F("least")),
                name="zone_controller_in_range",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ZonePhase(TenantOwned):
    """That a phase began in a zone, and why: by time, or by a person. One for each turn."""

    class Cause(models.TextChoices):
        TIME = "time", _("The phase before was over")
        PERSON = "person", _("Somebody went on")
        START = "start", _("The recipe was started")

    id = models.BigAutoField(primary_key=True)
    control = models.ForeignKey(
        ZoneControl, models.CASCADE, related_name="phases", editable=False, verbose_name=_("zone")
    )
    turn = models.PositiveIntegerField(editable=False)
    recipe_name = models.CharField(_("recipe"), max_length=100, editable=False)
    number = models.PositiveSmallIntegerField(_("number"), editable=False)
    name = models.CharField(_("phase"), max_length=100, editable=False)
    cause = models.CharField(_("why"), max_length=6, choices=Cause, editable=False)
    by = models.CharField(_("by"), max_length=254, blank=True, editable=False)
    started_at = models.DateTimeField(_("begun"), editable=False)
    ended_at = models.DateTimeField(_("over"), null=True, editable=False)

    class Meta:
        verbose_name = _("phase in a zone")
        verbose_name_plural = _("phases in zones")
        constraints = [
            models.UniqueConstraint(fields=["control", "turn"], name="zone_phase_turn"),
        ]

    def __str__(self) -> str:
        return f"{self.recipe_name} {self.name}"

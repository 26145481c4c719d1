"""Templates of rules as drafts of the builder, filled in with what there is here."""

from __future__ import annotations

from django.http import QueryDict
from django.utils.translation import gettext

from automation.pages.rule_actions import PARAM
from automation.pages.rule_draft import put, put_length
from automation.queries.rule_choices import Choices
from automation.shipped import Template


def draft_of_template(template: Template, choices: Choices) -> QueryDict:
    """Return the rows of a template with the first channel, command and target that fit."""
    data = QueryDict(mutable=True)
    data["name"], data["join"] = gettext(template.name), "all"
    channel = _channel(template, choices)
    put(data, "when-0", dict(template.when) | ({"channel": channel} if channel else {}))
    put(data, "if-0", dict(template.if_ or {"kind": ""}))
    actions = 0
    if template.effect:
        put(data, "then-0", {"kind": "command"} | _command(template.effect, choices))
        actions = 1
    if template.tells:
        targets = [key for key, _name in choices.targets[:1]]
        put(data, f"then-{actions}", {"kind": "notify", "targets": targets})
    for name in ("lasting", "cooldown", "late"):
        put_length(data, name, template.more.get(name, 60 if name == "late" else 0))
    data["most_per_hour"] = "60"
    return data


def _channel(template: Template, choices: Choices) -> str:
    for metric in template.metrics:
        for key, name in choices.metrics.items():
            if name == metric:
                return key
    return ""


def _command(effect: str, choices: Choices) -> dict[str, str]:
    for key, spec in choices.specs.items():
        if spec.effect == effect:
            times = {PARAM + one.name: "60" for one in spec.params if one.measures == "runtime_s"}
            return {"command": key} | times
    return {}

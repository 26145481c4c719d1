"""Query parameters: declared in a serializer, unknown ones refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.settings import api_settings

from accounts.api.problems import InvalidRequest, Violation, pointer_to


class UnknownParameter(InvalidRequest):
    """A query parameter that the endpoint does not have, perhaps misspelt."""

    default_code = "unknown_parameter"


class UnknownField(InvalidRequest):
    """A member of the body that the endpoint does not have."""

    default_code = "unknown_field"


class Params(serializers.Serializer):
    """Base of declared parameters; this one declares none."""


class ListParam(serializers.ListField):
    """Several values: the parameter repeated, or one text with commas."""

    def to_internal_value(self, data: Any) -> list[Any]:
        """Split at commas, drop repetitions, keep the order."""
        given = [data] if isinstance(data, str) else data
        if isinstance(given, list):
            given = [part for item in given for part in _split(item)]
        return list(dict.fromkeys(super().to_internal_value(given)))


def _split(item: Any) -> list[Any]:
    return [part for part in item.split(",") if part] if isinstance(item, str) else [item]


def read_params(request: Request, declared: type[Params]) -> dict[str, Any]:
    """Return the checked query parameters.

    Raises:
        UnknownParameter: a parameter is not declared.
        InvalidRequest: values do not fit, or a single value was given twice.
    """
    fields: dict[str, serializers.Field] = dict(declared().fields)
    given = request.query_params
    formats = _formats(request)
    _refuse_unknown(given, {*fields, *formats}, UnknownParameter, "?")
    repeated = [
        Violation("repeated", _("Give this parameter once."), f"?{name}")
        for name in fields
        if len(given.getlist(name)) > 1 and not isinstance(fields[name], ListParam)
    ]
    wrong_format = [
        Violation("invalid_choice", _("Offered are: %s.") % ", ".join(offered), f"?{name}")
        for name, offered in formats.items()
        if given.get(name, offered[0]) not in offered
    ]
    if repeated or wrong_format:
        raise InvalidRequest(violations=[*repeated, *wrong_format])
    return _validate(declared(data=_flatten(given, fields)), "?")


def read_body(request: Request, declared: type[Params]) -> dict[str, Any]:
    """Return the checked members of a JSON body.

    Raises:
        UnknownField: a member is not declared.
        InvalidRequest: values do not fit.
    """
    if isinstance(request.data, Mapping):
        _refuse_unknown(request.data, set(declared().fields), UnknownField, "#/")
    return _validate(declared(data=request.data), "#/")


def _formats(request: Request) -> dict[str, list[str]]:
    """Return the parameter that overrides Accept with its values, where there is a choice."""
    renderers = request.parser_context["view"].renderer_classes if request.parser_context else ()
    name = api_settings.URL_FORMAT_OVERRIDE
    return {name: [found.format for found in renderers]} if name and len(renderers) > 1 else {}


def _flatten(given: QueryDict, fields: Mapping[str, serializers.Field]) -> dict[str, Any]:
    return {
        name: given.getlist(name) if isinstance(field, ListParam) else given[name]
        for name, field in fields.items()
        if name in given
    }


def _refuse_unknown(
    given: Mapping[str, Any], known: set[str], error: type[InvalidRequest], prefix: str
) -> None:
    unknown = sorted(set(given) - known)
    if unknown:
        hint = _("Known are: %(names)s.") % {"names": ", ".join(sorted(known)) or "-"}
        raise error(
            _("Unknown: %(names)s. %(hint)s") % {"names": ", ".join(unknown), "hint": hint},
            violations=[Violation(error.default_code, hint, prefix + name) for name in unknown],
        )


def _validate(serializer: Params, prefix: str) -> dict[str, Any]:
    try:
        serializer.is_valid(raise_exception=True)
    except serializers.ValidationError as error:
        raise InvalidRequest(violations=list(_violations(error.detail, prefix))) from error
    return dict(serializer.validated_data)


def _violations(detail: Any, prefix: str, path: str = "") -> list[Violation]:
    if isinstance(detail, dict):
        return [
            violation
            for key, value in detail.items()
            for violation in _violations(value, prefix, f"{path}.{key}" if path else str(key))
        ]
    if isinstance(detail, list):
        return [found for item in detail for found in _violations(item, prefix, path)]
    name = pointer_to(path).removeprefix("#/")
    return [Violation(detail.code, str(detail), prefix + name if name else "")]

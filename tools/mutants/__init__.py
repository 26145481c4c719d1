"""The product without one of its walls, again and again: tests must notice each time."""

from __future__ import annotations

from tools.mutants import (
    admin,
    fleet,
    keys,
    live,
    mqtt,
    people,
    rbac,
    routes,
    shares,
    signin,
    telemetry,
    tenancy,
)

MUTANTS = (
    *tenancy.MUTANTS,
    *rbac.MUTANTS,
    *routes.MUTANTS,
    *people.MUTANTS,
    *shares.MUTANTS,
    *keys.MUTANTS,
    *signin.MUTANTS,
    *admin.MUTANTS,
    *telemetry.MUTANTS,
    *live.MUTANTS,
    *mqtt.MUTANTS,
    *fleet.MUTANTS,
)
AREAS = tuple(dict.fromkeys(mutant.area for mutant in MUTANTS))

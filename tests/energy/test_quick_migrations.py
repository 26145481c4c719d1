"""Migrations that change classes in place leave those that Django would have made."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState
from django.db.models import Model

from energy.quick_migrations import ForwardState


def described(model: type[Model]) -> dict[str, Any]:
    """Return what operations read of a class."""
    meta: Any = model._meta
    lists = (meta.indexes, meta.constraints, getattr(meta, "triggers", []))
    return {
        "bases": [base.__name__ for base in model.__mro__],
        "table": meta.db_table,
        "together": meta.unique_together,
        "fields": [
            (field.name, type(field), field.column, field.db_type(connection), field.null,
             field.unique, field.db_index, field.default)
            for field in meta.local_fields
        ],
        "many": [(field.name, field.m2m_db_table()) for field in meta.local_many_to_many],
        "pointed at by": sorted(
            (relation.related_model._meta.label, relation.field.name)
            for relation in meta.related_objects
            if not relation.many_to_many
        ),
        "lists": [[item.deconstruct() if hasattr(item, "deconstruct") else item for item in items]
                  for items in lists],
        "unique": [item.name for item in meta.total_unique_constraints],
    }  # fmt: skip


def test_classes_changed_in_place_are_those_of_django(db: None) -> None:
    loader = MigrationLoader(connection)
    plan = [loader.graph.nodes[key] for key in _in_order(loader)]
    state = ForwardState(real_apps=loader.unmigrated_apps)
    rendered = state.apps  # from here on each operation has to keep them up to date
    for migration in plan:
        for operation in migration.operations:
            operation.state_forwards(migration.app_label, state)

    assert state.apps is rendered
    assert state.is_delayed, "RunPython would be given classes that were changed in place"
    anew = ProjectState(state.models, state.real_apps).apps
    models = {model._meta.label: model for model in anew.get_models(include_auto_created=True)}
    assert set(models) == {
        model._meta.label for model in rendered.get_models(include_auto_created=True)
    }
    differing = [
        label
        for label, model in models.items()
        if described(rendered.get_model(label)) != described(model)
    ]
    assert len(models) > 100
    assert differing == []


def _in_order(loader: MigrationLoader) -> list[tuple[str, str]]:
    found: dict[tuple[str, str], None] = {}
    for leaf in loader.graph.leaf_nodes():
        found.update(dict.fromkeys(loader.graph.forwards_plan(leaf)))
    return list(found)

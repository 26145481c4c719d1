"""Pages of recipes: the list, one recipe, its editor, files."""

from __future__ import annotations

import json
import uuid
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.pages.access import requires
from accounts.pages.people import acting_of
from automation.control.recipe import MAX_BYTES, write_recipe
from automation.models import Recipe
from automation.pages.recipe_forms import RecipeForm, changed_rows
from automation.pages.recipe_views import phases_as_lines
from automation.queries.recipes import definition_of, find_recipe, list_recipes
from automation.services.recipes import change_recipe, copy_name, create_recipe, remove_recipe
from automation.services.zone_refusals import ZoneRefused

SECTION = "automation-recipes"
_METHODS = ["GET", "HEAD", "POST"]


@require_safe
@requires("read:recipe")
def recipes(request: HttpRequest) -> HttpResponse:
    """List the recipes."""
    search = request.GET.get("search", "")[:100].replace("\0", "")
    rows = [(row, phases_as_lines(definition_of(row).phases)) for row in
            list_recipes(search=search)]  # fmt: skip
    context = {"section": SECTION, "rows": rows, "search": search,
               "may": acting_of(request).codes}  # fmt: skip
    return render(request, "automation/recipes.html", context)


@require_safe
@requires("read:recipe")
def recipe(request: HttpRequest, recipe_id: uuid.UUID) -> HttpResponse:
    """Show a recipe: its phases with targets and schedules, and who follows it."""
    found = _find(recipe_id)
    codes = acting_of(request).codes
    context = {
        "section": SECTION, "recipe": found, "may": codes,
        "phases": phases_as_lines(definition_of(found).phases),
        "zones": found.zones.filter(recipe_state="running").select_related("zone__site")
        .order_by("zone__name", "id") if "read:automation" in codes else [],
    }  # fmt: skip
    return render(request, "automation/recipe.html", context)


@require_http_methods(_METHODS)
@requires("write:recipe")
def recipe_new(request: HttpRequest) -> HttpResponse:
    """Write a new recipe."""
    return _edit(request, None)


@require_http_methods(_METHODS)
@requires("write:recipe")
def recipe_edit(request: HttpRequest, recipe_id: uuid.UUID) -> HttpResponse:
    """Change a recipe."""
    return _edit(request, _find(recipe_id))


@require_POST
@requires("write:recipe")
def recipe_copy(request: HttpRequest, recipe_id: uuid.UUID) -> HttpResponse:
    """Make a copy to change."""
    document = write_recipe(definition_of(_find(recipe_id)))
    try:
        made = create_recipe(
            document=document | {"name": copy_name(document["name"])}, now=timezone.now()
        )
    except ZoneRefused as error:
        messages.error(request, str(error))
        return redirect(SECTION)
    messages.success(request, _("This is the copy: change it as you like."))
    return redirect("automation-recipe-edit", made.id)


@require_POST
@requires("delete:recipe")
def recipe_remove(request: HttpRequest, recipe_id: uuid.UUID) -> HttpResponse:
    """Remove a recipe; zones go on to its end."""
    found = _find(recipe_id)
    remove_recipe(recipe_id=found.id, now=timezone.now())
    messages.success(request, _("“%(name)s” is removed.") % {"name": found.name})
    return redirect(SECTION)


@require_safe
@requires("read:recipe")
def recipe_export(request: HttpRequest, recipe_id: uuid.UUID) -> HttpResponse:
    """Send a recipe as a file."""
    found = _find(recipe_id)
    text = json.dumps(write_recipe(definition_of(found)), ensure_ascii=False, indent=2)
    response = HttpResponse(text, content_type="application/json")
    name = slugify(found.name) or "recipe"
    response["Content-Disposition"] = f'attachment; filename="{name}.json"'
    return response


@require_POST
@requires("write:recipe")
def recipe_import(request: HttpRequest) -> HttpResponse:
    """Take a recipe of a file in; where the name is taken it becomes a copy."""
    file = request.FILES.get("file")
    if file is None or (file.size or 0) > MAX_BYTES:
        messages.error(request, _("Choose the file of a recipe, of at most 256 KB."))
        return redirect(SECTION)
    content = file.read()
    try:
        made = _take_in(content)
    except ZoneRefused as error:
        place = f"{error.field}: " if error.field else ""
        messages.error(request, f"{place}{error}")
        return redirect(SECTION)
    messages.success(request, _("“%(name)s” is taken in.") % {"name": made.name})
    return redirect("automation-recipe", made.id)


def _take_in(content: bytes) -> Recipe:
    now = timezone.now()
    try:
        return create_recipe(document=content, now=now)
    except ZoneRefused as error:
        if error.code != "name_taken":
            raise
    document: dict[str, Any] = json.loads(content)
    return create_recipe(document=document | {"name": copy_name(str(document["name"]))}, now=now)


def _edit(request: HttpRequest, found: Recipe | None) -> HttpResponse:
    definition = definition_of(found) if found is not None else None
    revision = found.revision if found is not None else None
    do = request.POST.get("do", "")
    if request.method == "POST" and do == "keep":
        form = RecipeForm(request.POST)
        if form.is_valid():
            try:
                return _saved(request, _save(form, found))
            except ZoneRefused as error:
                form.refuse(error)
    elif request.method == "POST":
        form = RecipeForm(changed_rows(request.POST, do))
    else:
        form = RecipeForm(None, definition, revision)
    context = {"section": SECTION, "form": form, "recipe": found,
               "checked": do == "keep"}  # fmt: skip
    return render(request, "automation/recipe_edit.html", context)


def _save(form: RecipeForm, found: Recipe | None) -> Recipe:
    document, now = form.document(), timezone.now()
    if found is None:
        return create_recipe(document=document, now=now)
    seen = form.cleaned_data["revision"]
    return change_recipe(recipe_id=found.id, document=document, seen=seen, now=now)


def _saved(request: HttpRequest, found: Recipe) -> HttpResponse:
    messages.success(request, _("“%(name)s” is kept.") % {"name": found.name})
    return redirect("automation-recipe", found.id)


def _find(recipe_id: uuid.UUID) -> Recipe:
    try:
        return find_recipe(recipe_id)
    except Recipe.DoesNotExist as error:
        raise Http404 from error

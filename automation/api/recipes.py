"""Recipes in the API."""

from __future__ import annotations

import uuid
from http import HTTPStatus

from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.params import read_body
from automation.api.zone_serializers import (
    RecipeBody,
    RecipeSerializer,
    RecipesSerializer,
    describe_recipe,
)
from automation.api.zones import TAGS, ZoneView
from automation.queries.recipes import find_recipe, list_recipes
from automation.services.recipes import change_recipe, create_recipe, remove_recipe
from devices.api_fleet import IF_MATCH

_READ = {"GET": "read:recipe", "HEAD": "read:recipe"}


class RecipeView(ZoneView):
    """Base: the ETag of a recipe is its revision."""

    def show(self, recipe_id: uuid.UUID, *, status: int = 200) -> Response:
        """Return a recipe with the ETag that If-Match takes."""
        recipe = find_recipe(recipe_id)
        headers = {"ETag": f'"{recipe.revision}"', "Cache-Control": "no-store"}
        return Response(describe_recipe(recipe), status=status, headers=headers)


class RecipeList(RecipeView):
    """The recipes of the organisation."""

    permission = {**_READ, "POST": "write:recipe"}

    @extend_schema(
        operation_id="list_recipes", summary="List recipes", tags=TAGS,
        responses=RecipesSerializer,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List them by name, with their phases."""
        return Response({"results": [describe_recipe(row) for row in list_recipes()]})

    @extend_schema(
        operation_id="create_recipe", summary="Make a recipe", tags=TAGS,
        request=RecipeBody, responses={201: RecipeSerializer},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Make a recipe; what was read elsewhere can be sent as it is."""
        made = create_recipe(document=read_body(request, RecipeBody), now=self.now)
        response = self.show(made.id, status=HTTPStatus.CREATED)
        response["Location"] = reverse("api-recipe-detail", args=[made.id])
        return response


class RecipeDetail(RecipeView):
    """One recipe."""

    permission = {**_READ, "PUT": "write:recipe", "DELETE": "delete:recipe"}

    @extend_schema(
        operation_id="get_recipe", summary="Read a recipe", tags=TAGS,
        responses=RecipeSerializer,
    )  # fmt: skip
    def get(self, request: Request, recipe_id: uuid.UUID) -> Response:
        """Return it in its newest revision."""
        return self.show(recipe_id)

    @extend_schema(
        operation_id="change_recipe", summary="Change a recipe", tags=TAGS,
        request=RecipeBody, responses=RecipeSerializer, parameters=[IF_MATCH],
    )  # fmt: skip
    def put(self, request: Request, recipe_id: uuid.UUID) -> Response:
        """Replace all of it; zones go on with the phases that they began with."""
        body = read_body(request, RecipeBody)
        change_recipe(recipe_id=recipe_id, document=body, seen=self.seen, now=self.now)
        return self.show(recipe_id)

    @extend_schema(
        operation_id="remove_recipe", summary="Remove a recipe", tags=TAGS,
        responses={204: None}, parameters=[IF_MATCH],
    )  # fmt: skip
    def delete(self, request: Request, recipe_id: uuid.UUID) -> Response:
        """Remove it; zones that follow it go on to its end."""
        remove_recipe(recipe_id=recipe_id, seen=self.seen, now=self.now)
        return Response(status=HTTPStatus.NO_CONTENT)

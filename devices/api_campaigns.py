"""Campaigns in the API."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.params import read_body
from devices.api_firmware import FirmwareView
from devices.campaign_plans import plan_of
from devices.models import Campaign, CampaignTarget
from devices.queries_campaigns import (
    CAMPAIGN_ORDERINGS,
    TARGET_ORDERINGS,
    find_campaign,
    list_campaigns,
    list_targets,
    reason_of,
)
from devices.serializers_firmware import (
    CampaignBody,
    CampaignDetailSerializer,
    CampaignListParams,
    CampaignSerializer,
    PreviewSerializer,
    ReasonBody,
    TargetListParams,
    TargetSerializer,
)
from devices.services.campaigns import (
    cancel_campaign,
    pause_campaign,
    preview_campaign,
    resume_campaign,
    start_campaign,
)

TAGS = ["campaigns"]


class CampaignList(FirmwareView, GenericAPIView):
    """The campaigns of the tenant."""

    params_class = CampaignListParams
    orderings = CAMPAIGN_ORDERINGS
    queryset = Campaign.objects.none()  # tells the schema what is listed
    serializer_class = CampaignSerializer

    @extend_schema(
        operation_id="list_campaigns", summary="List campaigns", tags=TAGS,
        responses=CampaignSerializer(many=True),
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List campaigns, the newest first."""
        rows = list_campaigns()
        if self.params.get("state"):
            rows = rows.filter(state=self.params["state"])
        found = self.paginate_queryset(rows)
        return self.get_paginated_response(CampaignSerializer(found, many=True).data)

    @extend_schema(
        operation_id="start_campaign", summary="Start a campaign", tags=TAGS,
        request=CampaignBody, responses={201: CampaignDetailSerializer},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Begin with the canary, at once; asked twice, nobody is eligible the second time."""
        plan = plan_of(read_body(request, CampaignBody))
        made = start_campaign(plan=plan, actor=self.person, now=self.now)
        return _answer(made.id, HTTPStatus.CREATED)


class CampaignPreview(FirmwareView):
    """Looking before leaping."""

    permission = "write:firmware"

    @extend_schema(
        operation_id="preview_campaign", summary="Preview a campaign", tags=TAGS,
        request=CampaignBody, responses=PreviewSerializer,
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Return who would get it in which wave, and who would not and why."""
        plan = plan_of(read_body(request, CampaignBody))
        found = preview_campaign(plan=plan, now=self.now)
        skipped = [
            {"code": code, "reason": reason_of(code), "number": number}
            for code, number in found.skipped_by_code.items()
        ]
        answer: dict[str, Any] = {
            "eligible": len(found.eligible),
            "away": found.away,
            "wave_sizes": found.wave_sizes,
            "skipped": skipped,
        }
        return Response(PreviewSerializer(answer).data)


class CampaignDetail(FirmwareView):
    """One campaign."""

    permission = "read:firmware"

    @extend_schema(
        operation_id="get_campaign", summary="Read a campaign", tags=TAGS,
        responses=CampaignDetailSerializer,
    )  # fmt: skip
    def get(self, request: Request, campaign_id: uuid.UUID) -> Response:
        """Return a campaign with how far each wave is."""
        return _answer(campaign_id)


class CampaignTargets(FirmwareView, GenericAPIView):
    """The devices of a campaign."""

    permission = "read:firmware"
    params_class = TargetListParams
    orderings = TARGET_ORDERINGS
    queryset = CampaignTarget.objects.none()  # tells the schema what is listed
    serializer_class = TargetSerializer

    @extend_schema(
        operation_id="list_campaign_targets", summary="List the devices of a campaign",
        tags=TAGS, responses=TargetSerializer(many=True),
    )  # fmt: skip
    def get(self, request: Request, campaign_id: uuid.UUID) -> Response:
        """List the devices, with state, tries and what went wrong."""
        if not Campaign.objects.filter(id=campaign_id).exists():
            raise Http404
        rows = list_targets(
            campaign_id, state=self.params.get("state", ""), wave=self.params.get("wave")
        )
        found = self.paginate_queryset(rows)
        return self.get_paginated_response(TargetSerializer(found, many=True).data)


class CampaignChange(FirmwareView):
    """Base of what people do to a campaign, with a reason."""

    permission = "write:firmware"
    change: Callable[..., Campaign]

    def answer(self, request: Request, campaign_id: uuid.UUID) -> Response:
        """Do it, and return the campaign."""
        body = read_body(request, ReasonBody)
        type(self).change(campaign_id=campaign_id, reason=body["reason"], now=self.now)
        return _answer(campaign_id)


class CampaignPause(CampaignChange):
    """Pausing."""

    change = staticmethod(pause_campaign)

    @extend_schema(
        operation_id="pause_campaign", summary="Pause a campaign", tags=TAGS,
        request=ReasonBody, responses=CampaignDetailSerializer,
    )  # fmt: skip
    def post(self, request: Request, campaign_id: uuid.UUID) -> Response:
        """Offer it to nobody else for the time being."""
        return self.answer(request, campaign_id)


class CampaignResume(CampaignChange):
    """Going on."""

    change = staticmethod(resume_campaign)

    @extend_schema(
        operation_id="resume_campaign", summary="Resume a campaign", tags=TAGS,
        request=ReasonBody, responses=CampaignDetailSerializer,
    )  # fmt: skip
    def post(self, request: Request, campaign_id: uuid.UUID) -> Response:
        """Go on after a pause or a halt; the failures so far are accepted."""
        return self.answer(request, campaign_id)


class CampaignCancel(CampaignChange):
    """Ending."""

    change = staticmethod(cancel_campaign)

    @extend_schema(
        operation_id="cancel_campaign", summary="Cancel a campaign", tags=TAGS,
        request=ReasonBody, responses=CampaignDetailSerializer,
    )  # fmt: skip
    def post(self, request: Request, campaign_id: uuid.UUID) -> Response:
        """End it; who installs already goes on, nobody else gets it."""
        return self.answer(request, campaign_id)


def _answer(campaign_id: uuid.UUID, status: HTTPStatus = HTTPStatus.OK) -> Response:
    view = find_campaign(campaign_id)
    if view is None:
        raise Http404
    return Response(CampaignDetailSerializer(view).data, status)

"""The page of failed notifications in groups: each group can be worked off at once."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from payments.models import WebhookEvent
from payments.webhooks import groups, texts
from payments.webhooks.bulk_acts import IgnoreAll, ProcessAllAgain, shown_amount
from payments.webhooks.groups import Failure, Group
from paytrust.staff import bulk, roles


@roles.requires("payments.view_webhookevent")
def show(request: HttpRequest) -> HttpResponse:
    """Show failed notifications by why they failed and what they claim to be about."""
    found = groups.failures()
    context = {
        **admin.site.each_context(request),
        "title": _("Failed notifications in groups"),
        "failures": [_failure(one) for one in found],
        "is_cut": sum(len(one.groups) for one in found) == groups.GROUPS_SHOWN,
        "shown": groups.GROUPS_SHOWN,
        "list": bulk.list_of(WebhookEvent),
        "may_operate": roles.may_operate(request),
    }
    return render(request, "staff/failed_groups.html", context)


def _failure(failure: Failure) -> dict[str, Any]:
    return {
        "why": texts.reason(failure.newest.outcome, failure.newest.failure_reason),
        "gateway": failure.newest.gateway.name,
        "count": failure.count,
        "groups": [_group(one) for one in failure.groups],
        **_links(failure.ids),
    }


def _group(group: Group) -> dict[str, Any]:
    event = group.newest
    asked = {"status__exact": event.status, "why": event.outcome or "", "q": event.reference or ""}
    return {
        "reference": event.reference,
        "invoice_id": group.invoice_id,
        "says": texts.short_effect(group.claim),
        "amount": shown_amount(event),
        "count": group.count,
        "first_at": group.first_at,
        "last_at": group.last_at,
        "query": urlencode({name: value for name, value in asked.items() if value}),
        **_links(group.ids),
    }


def _links(ids: list[int]) -> dict[str, str]:
    return {
        "again": bulk.address_of(ProcessAllAgain, WebhookEvent, ids),
        "ignore": bulk.address_of(IgnoreAll, WebhookEvent, ids),
    }

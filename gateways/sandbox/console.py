"""The console: pages with which people use the control API."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string

from gateways.sandbox import simulator, triggers
from gateways.sandbox.faults import API_FAULTS, WEBHOOK_FAULTS
from gateways.sandbox.messages import Answer

SHOWN = 50


def home(_request: HttpRequest) -> HttpResponse:
    """Redirect to the console."""
    return redirect("/control/")


def alive(_request: HttpRequest) -> HttpResponse:
    """Answer that the sandbox runs."""
    return Answer({"status": "ok"}).response()


def console(_request: HttpRequest) -> HttpResponse:
    """List the latest charges and deliveries, with forms for faults and the clock."""
    sandbox = simulator.current()
    charges = sandbox.charges()
    context = {
        "charges": charges[: -SHOWN - 1 : -1],
        "charge_count": len(charges),
        "deliveries": sandbox.courier.log()[: -SHOWN - 1 : -1],
        "rules": sandbox.faults.rules(),
        "api_faults": sorted(API_FAULTS),
        "webhook_faults": sorted(WEBHOOK_FAULTS),
        "now": sandbox.clock.now(),
        "leads": sandbox.clock.leads_the_merchant,
        "events": triggers.NAMES,
        "config": sandbox.accounts.shown(),
    }
    return HttpResponse(render_to_string("sandbox/console.html", context))

"""The composition root: which app answers which path."""

from django.contrib import admin
from django.urls import include, path, re_path, register_converter
from django.views.generic import RedirectView

from apikeys.limits.throttling import collect as limiter_metrics
from events.deliveries.metrics import collect as delivery_metrics
from gateways import registry
from gateways.budgets.breaker import collect as gateway_metrics
from gateways.budgets.pacing import collect as budget_metrics
from payments.webhooks.metrics import collect as queue_metrics
from paytrust.operations import health, metrics, pools, replica, runs, traffic
from paytrust.web import converters, guide, problems
from paytrust.web.openapi import views as documents
from reporting.audit.runs import collect as audit_metrics

register_converter(converters.IdConverter, "id")
register_converter(converters.NameConverter, "name")

urlpatterns = [
    path("", include("payments.urls")),  # looked through from here on: the paths most asked first
    path("", include("invoices.urls")),
    path("", include("events.urls")),
    path("", include("apikeys.urls")),
    path("", include("gateways.urls")),
    path("", include("reporting.urls")),
    path("healthz", health.alive),
    path("readyz", health.ready),
    path(
        "metrics",
        metrics.exposition(
            gateway_metrics(registry.accounts_in_use),
            budget_metrics,
            queue_metrics,
            delivery_metrics,
            limiter_metrics,
            audit_metrics,
            traffic.collect,
            pools.collect,
            replica.collect,
            runs.collect,
        ),
    ),
    path("openapi.json", documents.merchants, name="openapi"),
    path("openapi-admin.json", documents.operators, name="openapi-admin"),
    path("docs", documents.swagger_ui("openapi")),
    path("docs-admin", documents.only_if_switched_on(documents.swagger_ui("openapi-admin"))),
    re_path(r"^guide(?:/|$)", guide.not_here),  # WhiteNoise has answered what is there
    path("admin", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    re_path(r"", problems.not_found),  # JSON for paths that do not exist, in DEBUG too
]

handler400 = "paytrust.staff.refusals.bad_request"
handler403 = "paytrust.staff.refusals.permission_denied"
handler404 = "paytrust.staff.refusals.not_found"
handler500 = "paytrust.web.problems.server_error"

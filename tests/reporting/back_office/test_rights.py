"""Every address of the back office, tried by people who must not change anything there."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import NoReverseMatch, URLPattern, URLResolver, reverse
from django.utils import timezone

from apikeys.keys import services as apikeys
from apikeys.models import ApiKey, Tenant
from gateways.accounts import credentials
from gateways.models import GatewayAccount, GatewayFee
from payments.changes import proposals
from payments.models import Proposal, WebhookEvent
from paytrust.staff import roles
from reporting.models import Discrepancy
from tests.apikeys.factories import NOON, TenantFactory
from tests.invoices.factories import PaymentRequestFactory, invoice
from tests.payments.events import failed_event
from tests.staff import actor, member

pytestmark = [pytest.mark.django_db, pytest.mark.unmeasured]

# What anybody may do to themselves.
OWN = {"language", "zone", "second_factor", "login", "logout", "password_change"}
BODY = {
    "action": "delete_selected",
    "_selected_action": "1",
    "post": "yes",
    "reason": "because",
    "description": "shop",
    "name": "Toko",
    "username": "intruder",
    "password1": "a long pass phrase 1",
    "password2": "a long pass phrase 1",
    "percentage": "1",
    "fixed": "1",
    "kind": "same",
    "secret_key": "x",
    "callback_token": "x",
    "server_key": "x",
    "client_key": "x",
    "total_1": "70",
}


@pytest.fixture
def _rows() -> None:
    """Make something of every kind on which there is an act."""
    tenant = TenantFactory.create()
    apikeys.create_key(tenant=tenant, description="shop", actor="test", ip_address=None, now=NOON)
    credentials.store(
        gateway_code="xendit",
        tenant_id=tenant.pk,
        credentials={"secret_key": "s", "callback_token": "t"},
        now=NOON,
    )
    of = invoice(totals=(6_000, 4_000), expires_at=timezone.now() + timedelta(days=9))
    invoice(review_flags=["late"])
    failed_event(PaymentRequestFactory.create())
    proposals.propose_adjustment(
        actor=actor(), invoice_id=of.pk, named={1: 7_000}, reason="asked", now=timezone.now()
    )


def addresses() -> Iterator[tuple[str, str]]:
    """Yield the name and address of each page, once for each row that it may be about."""
    for pattern in flat(admin.site.get_urls()):
        name = pattern.name
        if name and name not in OWN and not name.endswith("_export"):  # that is reading
            for arguments in arguments_of(pattern):
                try:
                    yield name, reverse(f"admin:{name}", kwargs=arguments)
                except NoReverseMatch:
                    continue


def flat(patterns: list[URLPattern | URLResolver]) -> Iterator[URLPattern]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from flat(pattern.url_patterns)
        else:
            yield pattern


def arguments_of(pattern: URLPattern) -> Iterator[dict[str, object]]:
    wanted = pattern.pattern.converters
    if not wanted and not pattern.pattern.regex.groups:
        yield {}
    named = str(pattern.name)
    for model in admin.site._registry:
        if named.startswith(f"{model._meta.app_label}_{model._meta.model_name}_"):
            for pk in admin.site._registry[model].model._default_manager.values_list(
                "pk", flat=True
            )[:3]:
                for parameter in ("object_id", "invoice_id", "id"):
                    yield {parameter: pk}


def fingerprint() -> dict[str, str]:
    """Return a digest of each table's rows."""
    with connection.cursor() as cursor:
        tables = [
            name
            for name in connection.introspection.table_names(cursor)
            if name not in {"django_session", "django_admin_log"}
        ]
        found = {}
        for table in tables:
            rows = connection.ops.quote_name(table)
            digest = "md5(string_agg(t::text, ',' ORDER BY t::text))"
            cursor.execute(f"SELECT {digest} FROM {rows} t")  # noqa: S608  # our own names
            found[table] = cursor.fetchone()[0]
    return found


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.usefixtures("_rows")
class TestFinanceViewer:
    def test_changes_nothing_at_any_address(self) -> None:
        client = client_of(member(roles.VIEWER))
        client.get("/admin/")  # the session's own rows
        before = fingerprint()
        tried = set()

        for name, address in addresses():
            tried.add(name)
            answer = client.post(address, BODY)
            assert answer.status_code in {200, 302, 403, 404, 405}, (address, answer.status_code)
            client.get(address)

        after = fingerprint()
        assert {table for table in after if after[table] != before[table]} == set()
        assert {
            "payments_webhookevent_do_again",
            "payments_webhookevent_do_ignore",
            "payments_proposal_do_approve",
            "payments_proposal_adjust",
            "reporting_discrepancy_do_resolve",
            "apikeys_apikey_do_revoke",
            "gateways_gatewayfee_do_change_fee",
            "gateways_gatewayaccount_do_xendit",
            "auth_user_add",
            "invoices_invoice_delete",
        } <= tried

    def test_runs_no_action_of_a_list(self) -> None:
        viewer = member(roles.VIEWER)
        client = client_of(viewer)
        before = fingerprint()

        for model, page in admin.site._registry.items():
            address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
            keys = list(model._default_manager.values_list("pk", flat=True)[:3])
            bulk = {f"bulk_{act.path}" for act in getattr(page, "bulk_acts", ())}
            for action in {"delete_selected", *(page.actions or ()), *bulk}:
                client.post(address, {"action": str(action), "_selected_action": keys})

        after = fingerprint()
        assert {table for table in after if after[table] != before[table]} == set()

    @pytest.mark.parametrize("method", ["get", "post"])
    def test_is_refused_every_act(self, method: str) -> None:
        client = client_of(member(roles.VIEWER))

        for address in acts_of_operators() + acts_of_administrators():
            answer = getattr(client, method)(address, BODY if method == "post" else None)
            assert answer.status_code == 403, address

    def test_sees_no_button(self) -> None:
        client = client_of(member(roles.VIEWER))
        event = WebhookEvent.objects.get(status="failed")

        page = client.get(f"/admin/payments/webhookevent/{event.pk}/change/")

        assert page.status_code == 200
        assert f"/admin/payments/webhookevent/{event.pk}/again/" not in page.text


@pytest.mark.usefixtures("_rows")
class TestEachRole:
    def test_operators_administer_nothing(self) -> None:
        client = client_of(member(roles.OPERATOR))

        assert {client.get(each).status_code for each in acts_of_administrators()} == {403}
        assert {client.get(each).status_code for each in acts_of_operators()} == {200}

    def test_administrators_operate_nothing(self) -> None:
        client = client_of(member(roles.ADMINISTRATOR))

        assert {client.get(each).status_code for each in acts_of_operators()} == {403}
        assert {client.get(each).status_code for each in acts_of_administrators()} == {200}

    def test_nobody_enters_without_signing_in(self) -> None:
        for address in acts_of_operators() + acts_of_administrators():
            answer = Client().post(address, BODY)
            assert answer.status_code == 302
            assert answer.headers["Location"].startswith("/admin/login/")


def acts_of_operators() -> list[str]:
    event = WebhookEvent.objects.get(status="failed").pk
    proposal = Proposal.objects.get()
    late = Discrepancy.objects.get(needs_review=True).pk
    return [
        *(f"/admin/payments/webhookevent/{event}/{act}/" for act in ("ask", "again", "ignore")),
        *(f"/admin/payments/proposal/{proposal.pk}/{act}/" for act in ("approve", "reject")),
        *(f"/admin/payments/proposal/{act}/{proposal.invoice_id}/" for act in ("adjust", "cancel")),
        *(f"/admin/reporting/discrepancy/{late}/{act}/" for act in ("note", "resolve")),
        f"/admin/reporting/discrepancy/bulk/resolve/?ids={late}",
        *(f"/admin/payments/webhookevent/bulk/{act}/?ids={event}" for act in ("again", "ignore")),
        f"/admin/payments/proposal/bulk/approve/?ids={proposal.pk}",
        *(f"/admin/invoices/invoice/{late}/{act}/" for act in ("note", "assign")),
    ]


def acts_of_administrators() -> list[str]:
    key, fee = ApiKey.objects.get().pk, GatewayFee.objects.first()
    account = GatewayAccount.objects.get().pk
    tenant = Tenant.objects.order_by("pk").first()
    assert fee is not None
    assert tenant is not None
    return [
        *(f"/admin/apikeys/apikey/{key}/{act}/" for act in ("rotate", "revoke")),
        "/admin/apikeys/tenant/make/",
        f"/admin/apikeys/tenant/{tenant.pk}/issue-key/",
        f"/admin/gateways/gatewayfee/{fee.pk}/change-fee/",
        *(f"/admin/gateways/gatewayaccount/{name}/" for name in ("xendit", "midtrans")),
        f"/admin/gateways/gatewayaccount/{account}/end/",
        "/admin/payments/settlementterms/set/",
    ]

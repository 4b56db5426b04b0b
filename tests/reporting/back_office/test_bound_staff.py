"""Staff who work for some tenants only: every address, tried with another tenant's ids."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from http import HTTPStatus
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db import connection
from django.http.response import HttpResponseBase
from django.test import Client
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from apikeys.audit.recording import Caller
from apikeys.models import StaffAct, StaffProposal, StaffTenant, Tenant
from apikeys.people import acts as people
from apikeys.people import limits
from apikeys.people.acts import Rights
from apikeys.staff_acts.recording import Actor
from apikeys.tenants import policies, wall
from events.models import Delivery, Event
from gateways.accounts import credentials
from invoices.models import Installment, Invoice, PaymentRequest, Transaction
from payments.changes import discrepancies, proposals
from payments.models import Dispute, Proposal, WebhookEvent
from payments.refunds import proposing
from payments.refunds.request import RefundRequest
from payments.settlement.models import SettlementImport
from paytrust.staff import roles
from reporting.back_office import plots
from reporting.financial import rollups
from reporting.models import KeptStatement
from tests.apikeys.factories import NOON, TenantFactory, api_key, used
from tests.browser.scenes import failed_payment
from tests.conftest import Sandbox
from tests.events.factories import endpoint, events
from tests.invoices.factories import PaymentRequestFactory, invoice
from tests.payments.changes.test_proposals import open_invoice, propose, totals_of
from tests.payments.events import failed_event
from tests.payments.refunds.paid import paid_invoice
from tests.payments.settlement.test_views import settled
from tests.reporting.back_office.test_rights import BODY, OWN, client_of, fingerprint, flat
from tests.staff import actor, member

MINE, THEIRS = "Warung-Mine", "Warung-Theirs"
REFUSED = {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}


@dataclass(frozen=True)
class Two:
    mine: Tenant
    theirs: Tenant
    client: Client  # of an operator who works for `mine` alone
    user: User


@pytest.fixture
def two() -> Two:
    """Two tenants with something of everything, each row named after its tenant."""
    mine, theirs = (TenantFactory.create(name=name) for name in (MINE, THEIRS))
    for tenant in (mine, theirs):
        fill(tenant)
    rollups.close_days(now=timezone.now() - timedelta(days=1))
    return Two(mine, theirs, *bound_to(mine))


def fill(tenant: Tenant) -> None:
    proposer, now = actor(), timezone.now()
    customer = {"name": f"Customer of {tenant.name}", "email": f"c@{tenant.name}.example"}
    known: dict[str, Any] = {"tenant": tenant, "customer": {**customer, "phone": None}}
    paid = paid_invoice(external_id=f"paid-{tenant.name}", **known)
    settled(Transaction.objects.get(invoice=paid))
    later = now + timedelta(days=9)
    of = invoice(totals=(6_000, 4_000), expires_at=later, external_id=f"a-{tenant.name}", **known)
    Installment.objects.filter(invoice=of, number=1).update(due_at=now - timedelta(days=1))
    proposals.propose_adjustment(
        actor=proposer, invoice_id=of.pk, named={1: 7_000}, reason=f"for {tenant.name}", now=now
    )
    proposing.propose_refund(
        actor=proposer,
        invoice_id=paid.pk,
        request=RefundRequest(reason="other", amount=100, note="x", bank_reference="BCA-1"),
        reason=f"for {tenant.name}",
        now=now,
    )
    late = invoice(review_flags=["late"], external_id=f"late-{tenant.name}", **known)
    discrepancies.note(actor=proposer, invoice_id=late.pk, text=f"of {tenant.name}", now=now)
    asked = PaymentRequestFactory.create(invoice=late, reference=f"PT-{tenant.name}")
    failed_event(asked, failure_reason=f"about {tenant.name}")
    failed_event(asked, tenant_id=None, event_id=f"of the platform {tenant.name}")
    key, _ = api_key(tenant=tenant, description=f"key of {tenant.name}")
    caller = Caller(actor=tenant.name, method="GET", path="/invoices", request_id="r-1")
    used(key, caller, at=now)
    hook = endpoint(tenant, url=f"https://{tenant.name}.example/hook")
    (event,) = events(tenant)
    Delivery.objects.get_or_create(
        tenant=tenant, endpoint=hook, event=event, defaults={"status": "pending"}
    )
    credentials.store(
        gateway_code="xendit",
        tenant_id=tenant.pk,
        credentials={"secret_key": "s", "callback_token": "t"},
        now=NOON,
    )
    KeptStatement.objects.create(
        tenant=tenant,
        month=date(2026, 10, 1),
        zone="Asia/Jakarta",
        language="en",
        pdf=b"%PDF " + tenant.name.encode(),
        csv=tenant.name.encode(),
        made_at=now,
    )


def rows_of_theirs(two: Two) -> Iterator[tuple[Any, list[int]]]:
    """Yield each model that has a page, and the ids of what is not the reader's."""
    wall.raise_for_staff([two.mine.pk])
    try:
        seen = {
            model: set(model._default_manager.values_list("pk", flat=True))
            for model in admin.site._registry
            if policies.seen_by_staff(model)
        }
    finally:
        wall.lower()
    for model in admin.site._registry:
        every = set(model._default_manager.values_list("pk", flat=True))
        ones_own = {two.user.pk} if model is User else set()
        yield model, sorted(every - seen.get(model, set()) - ones_own)[:3]


def addresses_of_theirs(two: Two) -> Iterator[tuple[str, str]]:
    """Yield the name and the address of each page about a row that is not the reader's."""
    rows = list(rows_of_theirs(two))
    for pattern in flat(admin.site.get_urls()):
        name = str(pattern.name)
        if name in OWN:
            continue
        for model, ids in rows:
            if not name.startswith(f"{model._meta.app_label}_{model._meta.model_name}_"):
                continue
            for pk in ids:
                yield from _reversed(name, pk)
    for invoice_id in Invoice.objects.filter(tenant=two.theirs).values_list("pk", flat=True):
        for name in ("payments_proposal_adjust", "payments_proposal_cancel"):
            yield from _reversed(name, invoice_id)
        for name in ("payments_proposal_transfer", "payments_refund_propose"):
            yield from _reversed(name, invoice_id)
    for row in Transaction.objects.filter(tenant=two.theirs):
        yield from _reversed("invoices_transaction_pain002", row.pk)
        yield from _reversed("invoices_transaction_receipt", row.pk)


def _reversed(name: str, pk: int) -> Iterator[tuple[str, str]]:
    for parameter in (
        *("object_id", "invoice_id", "transaction_id", "id", "pk", "import_id"),
        *("proposal_id", "refund_id"),
    ):
        for more in ({}, {"suffix": "pdf"}, {"number": 0}, {"language": "en"}):
            try:
                yield name, reverse(f"admin:{name}", kwargs={parameter: pk, **more})
            except NoReverseMatch:
                continue


def lists(two: Two) -> Iterator[str]:
    """Yield the address of each page and file that shows rows of many."""
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        yield reverse(f"{name}_changelist")
        yield reverse(f"{name}_changelist") + f"?q={THEIRS}"
        yield reverse(f"{name}_changelist") + f"?tenant__id__exact={two.theirs.pk}"
        for suffix in ("csv", "xlsx"):
            try:
                yield reverse(f"{name}_export", args=(suffix,))
            except NoReverseMatch:
                continue
    yield from ("/admin/", "/admin/?days=90", "/admin/report/", f"/admin/report/?merchant={THEIRS}")
    yield from (f"/admin/report/export.{suffix}" for suffix in ("csv", "xlsx"))
    yield "/admin/payments/settlementline/payouts/"
    yield "/admin/payments/webhookevent/groups/"
    yield from (f"/admin/find/?q={term}" for term in searched(two))
    yield "/admin/payments/settlementimport/upload/"
    for asked in ("app_label=invoices&model_name=invoice", "app_label=payments&model_name=refund"):
        yield f"/admin/autocomplete/?{asked}&field_name=tenant&term={THEIRS}"


def searched(two: Two) -> Iterator[object]:
    theirs = Invoice.objects.filter(tenant=two.theirs)
    for found in theirs:
        yield from (found.pk, found.external_id, str(found.external_id)[2:])
    yield from ("Customer", "Warung", f"c@{THEIRS}.example", f"PT-{THEIRS}", "RM 100.00", "100.00")
    yield from Transaction.objects.filter(tenant=two.theirs).values_list(
        "gateway_transaction_id", flat=True
    )


def body_of(answer: HttpResponseBase) -> str:
    content = b"".join(answer) if answer.streaming else answer.content  # type: ignore[attr-defined]
    if content[:2] == b"PK":  # a workbook is a zip
        with ZipFile(BytesIO(content)) as workbook:
            return " ".join(workbook.read(name).decode() for name in workbook.namelist())
    return content.decode(errors="replace")


def leaks(two: Two) -> list[str]:
    """Return the addresses that show something of the other tenant."""
    found = []
    for address in [*lists(two), *(address for _, address in addresses_of_theirs(two))]:
        text = body_of(two.client.get(address))
        shown = text.replace(f"q={THEIRS}", "").replace(f'value="{THEIRS}"', "")
        shown = shown.replace(f"merchant={THEIRS}", "").replace(f"<strong>{THEIRS}</strong>", "")
        if THEIRS in shown and not _is_only_the_question(shown, address):
            found.append(address)
    return found


def _is_only_the_question(shown: str, address: str) -> bool:
    """Return whether a page says again what was searched for, and nothing else of theirs."""
    return "q=" in address and shown.count(THEIRS) == shown.count(address.partition("q=")[2])


@pytest.mark.unmeasured
@pytest.mark.django_db
class TestEveryAddress:
    def test_of_anothers_row_is_missing_or_refused(self, two: Two) -> None:
        wrong, tried = {}, set[str]()

        for name, address in addresses_of_theirs(two):
            tried.add(name)
            answer = two.client.get(address)
            gone_back = answer.status_code == 302 and answer.headers["Location"] == "/admin/"
            if answer.status_code not in REFUSED and not gone_back:
                wrong[address] = answer.status_code

        assert wrong == {}
        assert {
            *(
                "invoices_invoice_change",
                "invoices_invoice_pain001",
                "invoices_transaction_pain002",
            ),
            *("payments_webhookevent_do_again", "payments_proposal_do_approve"),
            *("payments_proposal_adjust", "payments_refund_propose", "apikeys_tenant_change"),
            *("events_delivery_do_resend", "events_webhookendpoint_do_disable"),
            *("reporting_keptstatement_file", "reporting_discrepancy_do_resolve"),
            *("apikeys_staffact_change", "payments_settlementline_change", "auth_user_change"),
            *("payments_settlementimport_do_withdraw", "apikeys_apikey_do_revoke"),
        } <= tried

    def test_changes_nothing_of_anothers_row(self, two: Two) -> None:
        before = fingerprint()

        for _, address in addresses_of_theirs(two):
            answer = two.client.post(address, BODY)
            assert answer.status_code in {*REFUSED, 302, 405}, (address, answer.status_code)

        after = fingerprint()
        assert {table for table in after if after[table] != before[table]} == set()

    def test_shows_nothing_of_another(self, two: Two) -> None:
        assert leaks(two) == []

    def test_would_show_it_without_the_wall(
        self, two: Two, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(wall, "raise_for_staff", lambda _tenant_ids: None)

        assert len(leaks(two)) > 50

    def test_shows_all_of_ones_own(self, two: Two) -> None:
        for model in admin.site._registry:
            name = f"{model._meta.app_label}_{model._meta.model_name}"
            answer = two.client.get(reverse(f"admin:{name}_changelist"))
            if model._meta.label_lower in {
                *("auth.user", "auth.group", "apikeys.staffproposal", "apikeys.apikey"),
                *("apikeys.apikeyauditentry", "gateways.gatewayaccount"),
                *("payments.bankfile", "payments.bankentry", "payments.bankupload"),
            }:
                assert answer.status_code == HTTPStatus.FORBIDDEN, name
            else:
                assert answer.status_code == HTTPStatus.OK, name

        page = two.client.get("/admin/payments/webhookevent/?status__exact=failed")
        assert page.context["cl"].result_count == 2  # also that of the platform's account

    def test_has_charts_of_ones_own(self, two: Two) -> None:
        plots.redraw(now=timezone.now())  # of all, kept for everybody else

        own = two.client.get("/admin/").context["ageing"]
        every = client_of(member(roles.VIEWER)).get("/admin/").context["ageing"]

        assert own[0]["whole"] * 2 == every[0]["whole"] > 0

    def test_reports_ones_own(self, two: Two) -> None:
        (own,) = two.client.get("/admin/report/").context["sections"]
        (every,) = client_of(member(roles.VIEWER)).get("/admin/report/").context["sections"]

        assert own.report.net_amount * 2 == every.report.net_amount > 0
        assert own.cash[0].settled_amount * 2 == every.cash[0].settled_amount > 0


@pytest.mark.django_db
class TestActs:
    def test_are_done_for_ones_own(self, two: Two) -> None:
        late = Invoice.objects.get(external_id=f"late-{MINE}")

        answer = two.client.post(
            f"/admin/reporting/discrepancy/{late.pk}/resolve/", {"reason": "the bank says so"}
        )

        assert answer.status_code == 302
        act = StaffAct.objects.get(staff=two.user)
        assert (act.outcome, act.tenant_id) == ("done", two.mine.pk)
        assert not discrepancies.unresolved().filter(pk=late.pk).exists()

    def test_on_several_rows_take_ones_own_alone(self, two: Two) -> None:
        ids = {
            row.external_id: row.pk
            for row in Invoice.objects.filter(external_id__startswith="late")
        }
        both = f"{ids[f'late-{MINE}']},{ids[f'late-{THEIRS}']}"

        page = two.client.get(f"/admin/reporting/discrepancy/bulk/resolve/?ids={both}").text
        two.client.post(
            f"/admin/reporting/discrepancy/bulk/resolve/?ids={both}", {"reason": "the bank"}
        )

        assert MINE in page
        assert THEIRS not in page
        left = discrepancies.unresolved().values_list("external_id", flat=True)
        assert list(left) == [f"late-{THEIRS}"]

    def test_know_who_made_whose_account(self, two: Two) -> None:
        """The rule of two people asks for acts that are no tenant's."""
        proposal = Proposal.objects.get(act="adjust", tenant=two.mine)
        people.record_made(
            actor=Actor(user=proposal.proposed_by), user=two.user, now=timezone.now()
        )

        two.client.post(f"/admin/payments/proposal/{proposal.pk}/approve/", BODY)

        proposal.refresh_from_db()
        assert proposal.status == "open"
        assert StaffAct.objects.get(staff=two.user).outcome == "not_independent"

    def test_upload_settlement_files_of_ones_own_accounts_alone(self, two: Two) -> None:
        asked = {"name": "s.csv", "size": 3, "currency": "MYR"}
        answers = {}
        for tenant in (None, two.mine, two.theirs):
            account = f"1:{tenant.gateway_accounts.get().pk}" if tenant else "1:"
            answers[tenant and tenant.name] = two.client.post(
                "/admin/payments/settlementimport/upload/begin/",
                json.dumps({**asked, "account": account}),
                content_type="application/json",
            ).status_code

        assert answers == {None: 400, MINE: 201, THEIRS: 400}
        assert SettlementImport.objects.filter(source="upload", status="receiving").count() <= 1

    def test_administer_nothing(self, two: Two) -> None:
        two.user.groups.set([Group.objects.get(name=roles.ADMINISTRATOR)])  # by hand, in SQL

        for address in (
            "/admin/apikeys/tenant/make/",
            f"/admin/apikeys/tenant/{two.mine.pk}/issue-key/",
            "/admin/auth/user/",
            "/admin/gateways/gatewayaccount/",
            "/admin/gateways/gatewayaccount/xendit/",
        ):
            assert two.client.get(address).status_code == HTTPStatus.FORBIDDEN, address


@pytest.mark.usefixtures("committed", "sandbox")
class TestInTransactionsThatCommit:
    def test_a_change_of_what_is_owed_is_made(self) -> None:
        of, other = open_invoice(), open_invoice()
        proposal = propose(of, {1: 7_000})
        theirs = propose(other, {1: 7_000})
        client, user = bound_to(of.tenant)

        done = client.post(f"/admin/payments/proposal/{proposal.pk}/approve/", BODY)
        missing = client.post(f"/admin/payments/proposal/{theirs.pk}/approve/", BODY)

        assert (done.status_code, missing.status_code) == (302, 404)
        proposal.refresh_from_db()
        assert (proposal.status, proposal.decided_by) == ("applied", user)
        assert totals_of(of) == [7_000, 3_000]
        assert totals_of(other) == [6_000, 4_000]

    def test_a_notification_of_the_platforms_account_is_processed(self, sandbox: Sandbox) -> None:
        event, theirs = (failed_payment(sandbox) for _ in range(2))
        WebhookEvent.objects.update(tenant=None)
        asked = PaymentRequest.objects.get(reference=event.reference)
        client, user = bound_to(asked.tenant)

        done = client.post(f"/admin/payments/webhookevent/{event.pk}/again/", BODY)
        missing = client.post(f"/admin/payments/webhookevent/{theirs.pk}/again/", BODY)

        assert (done.status_code, missing.status_code) == (302, 404)
        assert StaffAct.objects.get(staff=user).tenant_id == asked.tenant_id
        assert WebhookEvent.objects.get(pk=event.pk).status == "processed"
        assert Invoice.objects.get(tenant=asked.tenant).paid_amount == 6_000

    def test_the_next_request_is_free(self) -> None:
        mine, theirs = (invoice(external_id=name) for name in (MINE, THEIRS))
        client, _ = bound_to(mine.tenant)
        everybody = client_of(member(roles.VIEWER))
        address = "/admin/invoices/invoice/export.csv"

        stream = client.get(address)
        next(iter(stream))
        stream.close()  # the reader has gone
        whole = body_of(client.get(address))

        assert not wall.stands_before_staff()
        assert MINE in whole
        assert THEIRS not in whole
        assert str(theirs.external_id) in body_of(everybody.get(address))


def bound_to(tenant: Tenant) -> tuple[Client, User]:
    """Return an operator who works for one tenant alone."""
    user = member(roles.OPERATOR)
    limits.bind(user=user, tenant_ids=[tenant.pk])
    return client_of(User.objects.get(pk=user.pk)), user


@pytest.mark.django_db
class TestWithoutAWall:
    def test_nothing_is_shown(self, two: Two, settings: Any) -> None:
        settings.ROW_LEVEL_SECURITY = False

        answer = two.client.get("/admin/invoices/invoice/")

        assert answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE
        assert MINE not in answer.text
        assert client_of(member(roles.VIEWER)).get("/admin/invoices/invoice/").status_code == 200


@pytest.mark.django_db
class TestTables:
    def test_bind_all_that_is_a_tenants(self) -> None:
        conditions = {table.name: table.condition for table in policies.tables(policies.staff())}

        assert {name for name, condition in conditions.items() if condition is None} == {
            *("gateways_gateway", "gateways_gatewayfee", "gateways_gatewayfeechange"),
            *("gateways_gatewayaccount", "reporting_closedday"),
        }
        assert {"apikeys_staffact", "apikeys_apikeyauditentry"} <= conditions.keys()
        assert {"apikeys_stafftenant", "apikeys_staffproposal", "apikeys_auditseal"}.isdisjoint(
            conditions
        )

    def test_of_the_bank_and_the_platform_are_closed(self, two: Two) -> None:
        wall.raise_for_staff([two.mine.pk])
        try:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT has_table_privilege(current_user, name, 'SELECT')"
                    " FROM unnest(%s::text[]) name",
                    [["payments_bankentry", "apikeys_staffproposal", "apikeys_stafftenant"]],
                )
                assert cursor.fetchall() == [(False,)] * 3
            assert set(Invoice.objects.values_list("tenant_id", flat=True)) == {two.mine.pk}
            assert set(Event.objects.values_list("tenant_id", flat=True)) == {two.mine.pk}
            assert Dispute.objects.count() == 0
        finally:
            wall.lower()
        assert Invoice.objects.filter(tenant=two.theirs).exists()


@pytest.mark.django_db
class TestBinding:
    REASON = "works for this shop"

    def test_takes_two_administrators(self) -> None:
        for name in (MINE, THEIRS):
            TenantFactory.create(name=name)
        asks, approves = (member(roles.ADMINISTRATOR) for _ in range(2))
        person = member(roles.OPERATOR)

        page = client_of(asks).get(f"/admin/auth/user/{person.pk}/change/")
        assert "Works for these tenants only" in page.text
        client_of(asks).post(
            f"/admin/auth/user/{person.pk}/change/",
            {
                "username": person.username,
                "is_active": "on",
                "is_staff": "on",
                "groups": [Group.objects.get(name=roles.OPERATOR).pk],
                "merchants": f" {MINE}\r\n\r\n{THEIRS}",
                "reason": self.REASON,
            },
        )

        assert not StaffTenant.objects.exists()
        proposal = StaffProposal.objects.get()
        decides = client_of(approves)
        address = f"/admin/apikeys/staffproposal/{proposal.pk}/approve/"
        assert f"works for these tenants only: {MINE}, {THEIRS}." in decides.get(address).text
        decides.post(address)
        assert people.rights_of(person).merchants == (MINE, THEIRS)

    @pytest.mark.parametrize("admin_by", ["role", "superuser"])
    def test_is_not_for_administrators(self, admin_by: str) -> None:
        TenantFactory.create(name=MINE)
        root = User.objects.create_superuser("root")
        person = member(roles.VIEWER)

        with pytest.raises(people.BoundAdministrator):
            people.change_rights(
                actor=Actor(user=root),
                user=person,
                rights=Rights(
                    is_active=True,
                    is_staff=True,
                    is_superuser=admin_by == "superuser",
                    roles=(roles.ADMINISTRATOR,) if admin_by == "role" else (roles.VIEWER,),
                    merchants=(MINE,),
                ),
                reason=self.REASON,
                now=timezone.now(),
            )

    def test_names_tenants_that_are_there(self) -> None:
        person = member(roles.VIEWER)
        answer = client_of(member(roles.ADMINISTRATOR)).post(
            f"/admin/auth/user/{person.pk}/change/",
            {"username": person.username, "is_active": "on", "merchants": "Nasi"},
        )

        assert "No tenant is called so: Nasi" in answer.text

    def test_ends_by_an_empty_field(self, two: Two) -> None:
        root = User.objects.create_superuser("root")

        people.change_rights(
            actor=Actor(user=root),
            user=two.user,
            rights=Rights(
                is_active=True, is_staff=True, is_superuser=False, roles=(roles.OPERATOR,)
            ),
            reason=self.REASON,
            now=timezone.now(),
        )

        assert THEIRS in body_of(two.client.get("/admin/apikeys/tenant/"))

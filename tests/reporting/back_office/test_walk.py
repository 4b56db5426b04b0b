"""Every page of the back office, as each role meets it, and in each language."""

import re
from collections.abc import Iterator
from datetime import timedelta
from http import HTTPStatus

import pytest
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone
from lxml import html

from invoices.models import Invoice
from payments.changes import discrepancies, proposals
from payments.refunds import proposing
from payments.refunds.request import RefundRequest
from paytrust.staff import roles
from tests.apikeys.factories import api_key
from tests.invoices.factories import PaymentRequestFactory, invoice
from tests.payments.events import failed_event
from tests.reporting.back_office.conftest import SignIn
from tests.staff import actor

pytestmark = [pytest.mark.django_db, pytest.mark.unmeasured]
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
LEADS_OUT = re.compile(r"/logout|/export\.|\.xml|/autocomplete|/jsi18n|/language/|/zone/")
# What a program calls a thing: `paid_meanwhile`, `apikeys.staffact`.
MACHINE = re.compile(
    r"\b[a-z0-9]+(?:_[a-z0-9]+)+\b"
    r"|\b(?:apikeys|auth|events|gateways|invoices|payments|reporting)\.[a-z]+\b"
)
# The names of fields in a gateway's or merchant's own words, which staff look up there.
NOT_READ = {"script", "style", "pre", "code", "option"}
THEIRS = {"staff-id", "staff-raw", "staff-payload", "staff-secret"}


@pytest.fixture
def busy(paid_invoice: Invoice) -> Invoice:
    """Something of everything."""
    of = invoice(totals=(6_000, 4_000), expires_at=timezone.now() + timedelta(days=9))
    proposer = actor()
    for _ in range(2):  # the second is refused, and the trail keeps that
        try:
            proposals.propose_adjustment(
                actor=proposer,
                invoice_id=of.pk,
                named={1: 7_000},
                reason="by phone",
                now=timezone.now(),
            )
        except proposals.ProposalWaiting:
            continue
    proposing.propose_refund(
        actor=proposer,
        invoice_id=paid_invoice.pk,
        request=RefundRequest(
            reason="requested_by_customer", amount=100, note="by phone", bank_reference="BCA-1"
        ),
        reason="by phone",
        now=timezone.now(),
    )
    failed_event(PaymentRequestFactory.create(invoice=of))
    Invoice.objects.filter(pk=of.pk).update(review_flags=["late"])
    discrepancies.note(actor=proposer, invoice_id=of.pk, text="asked", now=timezone.now())
    api_key(tenant=of.tenant)
    return paid_invoice


def pages() -> Iterator[str]:
    """Yield the address of each list, and of one row of each."""
    yield from ("/admin/", "/admin/find/?q=nothing")
    request = RequestFactory().get("/")
    for model in MODELS:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        yield reverse(f"{name}_changelist")
        for pk in (
            admin.site._registry[model].get_queryset(request).values_list("pk", flat=True)[:2]
        ):
            yield reverse(f"{name}_change", args=(pk,))


def texts_of(page: bytes | str) -> Iterator[str]:
    """Yield what a person reads on a page."""
    tree = html.fromstring(page)
    for element in tree.iter("*"):
        if str(element.tag) in NOT_READ:
            continue
        if THEIRS & set((element.get("class") or "").split()):
            continue
        if "material-symbols-outlined" in (element.get("class") or ""):
            yield element.tail or ""
            continue
        yield from (element.text or "", element.tail or "")
        yield from (element.get(name, "") for name in ("aria-label", "title", "placeholder"))


class TestEveryLink:
    @pytest.mark.parametrize("role", [roles.VIEWER, roles.OPERATOR, roles.ADMINISTRATOR])
    def test_leads_where_its_reader_may_go(self, sign_in: SignIn, busy: Invoice, role: str) -> None:
        client = sign_in(role)
        asked, refused = set[str](), dict[str, str]()

        for page in pages():
            answer = client.get(page)
            if answer.status_code != HTTPStatus.OK:
                continue
            for link in html.fromstring(answer.content).iter("a"):
                address = link.get("href", "").partition("#")[0]
                if not address.startswith("/admin/") or LEADS_OUT.search(address):
                    continue
                if address not in asked:
                    asked.add(address)
                    status = client.get(address).status_code
                    if status not in {HTTPStatus.OK, HTTPStatus.FOUND}:
                        refused[address] = f"{status}, from {page}"

        assert len(asked) > 20
        assert refused == {}


class TestEveryPage:
    @pytest.mark.parametrize("language", [code for code, _ in settings.LANGUAGES])
    def test_speaks_to_people(self, busy: Invoice, language: str) -> None:
        client = Client()
        client.force_login(User.objects.create_superuser("root"))
        client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
        found = dict[str, str]()

        for page in pages():
            for text in texts_of(client.get(page).content):
                for word in MACHINE.findall(text):
                    found[word] = f"{text.strip()[:60]} ({page})"

        assert found == {}

    @pytest.mark.parametrize("language", [code for code, _ in settings.LANGUAGES])
    def test_is_called_as_in_the_menu(self, language: str) -> None:
        client = Client()
        client.force_login(User.objects.create_superuser("root"))
        client.cookies[settings.LANGUAGE_COOKIE_NAME] = language

        sections = client.get("/admin/").context["sidebar_navigation"]
        names = {}
        for entry in (entry for section in sections for entry in section["items"]):
            page = html.fromstring(client.get(entry["link"]).content)
            names[str(entry["title"])] = str(page.xpath("normalize-space(//h1)"))

        of_some_rows = [name for name in names if names[name].startswith(name) is False]
        assert len(of_some_rows) == 1  # failed notifications are some of the notifications

"""Every page of the back office, opened by each role."""

from http import HTTPStatus
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.utils import flatten
from django.contrib.auth.models import Group, User
from django.db import connection
from django.db.models import DateTimeField, JSONField, Model
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from invoices.models import Invoice
from paytrust.operations import shared_state
from paytrust.staff import roles
from paytrust.staff.pages import ReadOnlyAdmin
from paytrust.staff.pagination import PAGES, CappedPaginator
from reporting.back_office import navigation, plots
from tests.invoices.factories import invoice
from tests.reporting.back_office.conftest import SignIn

pytestmark = pytest.mark.django_db

MOST_QUERIES = 25
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
DJANGOS = [model for model in MODELS if model not in {Invoice, User}]  # the others' are our own
MONEY = [model for model in MODELS if model._meta.app_label in {"invoices", "payments"}]


def list_of(model: type[Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


@pytest.fixture
def superuser() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


class TestPages:
    @pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
    def test_take_few_queries(
        self, superuser: Client, paid_invoice: Invoice, model: type[Model]
    ) -> None:
        for _ in range(3):
            invoice()
        shown = admin.site._registry[model].get_queryset(RequestFactory().get("/"))
        pages = [list_of(model)]
        pages += [
            reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=(pk,))
            for pk in shown.values_list("pk", flat=True)[:1]
        ]

        for page in pages:
            with CaptureQueriesContext(
                connection,
            ) as queries:
                answer = superuser.get(page)
            assert answer.status_code == HTTPStatus.OK, page
            assert len(queries) <= MOST_QUERIES, (page, len(queries))

    @pytest.mark.parametrize("path", ["/admin/", "/admin/find/?q=nothing", "/admin/second-factor/"])
    def test_without_a_model_take_few_queries(
        self, superuser: Client, paid_invoice: Invoice, path: str
    ) -> None:
        shared_state.with_redis(lambda client: client.delete(plots.KEY), otherwise=0)
        with CaptureQueriesContext(connection) as queries:
            answer = superuser.get(path)

        assert answer.status_code == HTTPStatus.OK
        assert len(queries) <= MOST_QUERIES

    def test_run_no_inline_script_and_load_only_from_us(self, superuser: Client) -> None:
        for path in ("/admin/", "/admin/invoices/invoice/", "/admin/auth/user/add/"):
            answer = superuser.get(path)

            assert answer.headers["Content-Security-Policy"] == (
                "default-src 'self'; img-src 'self' data: https:; object-src 'none';"
                " base-uri 'none'; form-action 'self'; frame-ancestors 'none';"
                " script-src 'self' 'unsafe-eval'; style-src-attr 'unsafe-inline'"
            )
            assert "<script>" not in answer.text
            assert "<style" not in answer.text

    def test_count_no_further_than_they_go(self) -> None:
        paginator = CappedPaginator(Invoice.objects.order_by("pk"), 1)

        with CaptureQueriesContext(connection) as queries:
            assert (paginator.count, paginator.is_capped) == (0, False)

        assert f"LIMIT {PAGES}" in queries[0]["sql"]


class TestFilters:
    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("status__exact=pending", [True, False]),
            ("currency_code=MYR", [True, True]),
            ("currency_code=IDR", [False, False]),
            ("created_at_from=2026-11-22&created_at_to=2026-11-22", [True, True]),
            ("created_at_from=2026-11-23", [False, False]),
            ("created_at_to=2026-11-21", [False, False]),
            ("created_at_from=nonsense", [True, True]),
            ("gateway__id__exact=2", [False, False]),
        ],
    )
    def test_narrow_the_invoices(
        self, viewer: Client, paid_invoice: Invoice, query: str, found: list[bool]
    ) -> None:
        pending = invoice()

        page = viewer.get(f"/admin/invoices/invoice/?{query}")

        shown = {row.pk for row in page.context["cl"].result_list}
        assert [pending.pk in shown, paid_invoice.pk in shown] == found

    def test_narrow_to_a_tenant(self, viewer: Client, paid_invoice: Invoice) -> None:
        invoice()

        page = viewer.get(f"/admin/invoices/invoice/?tenant__id__exact={paid_invoice.tenant_id}")

        assert [row.pk for row in page.context["cl"].result_list] == [paid_invoice.pk]


class TestRoles:
    def test_are_made_by_migration(self) -> None:
        assert set(Group.objects.values_list("name", flat=True)) == {
            roles.VIEWER,
            roles.OPERATOR,
            roles.ADMINISTRATOR,
        }

    @pytest.mark.parametrize("role", [roles.VIEWER, roles.OPERATOR, roles.ADMINISTRATOR])
    def test_change_no_money_row_by_form(
        self, sign_in: SignIn, paid_invoice: Invoice, role: str
    ) -> None:
        client = sign_in(role)

        for model in MONEY:
            names = f"admin:{model._meta.app_label}_{model._meta.model_name}"
            answers = [client.post(reverse(f"{names}_add"), {})]
            for row in model._default_manager.all()[:1]:
                answers += [
                    client.post(reverse(f"{names}_{act}", args=(row.pk,)), {"post": "yes"})
                    for act in ("change", "delete")
                ]
            assert {answer.status_code for answer in answers} == {HTTPStatus.FORBIDDEN}, model

    def test_let_viewers_see_no_keys_and_no_staff(self, viewer: Client) -> None:
        for page in ("apikeys/apikey", "auth/user", "auth/group"):
            assert viewer.get(f"/admin/{page}/").status_code == HTTPStatus.FORBIDDEN, page

    def test_is_made_once_and_without_djangos_list_of_models(
        self, superuser: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made: list[str] = []

        def counted(owner: Any, name: str) -> None:
            real = getattr(owner, name)

            def count(*given: Any) -> Any:
                made.append(name)
                return real(*given)

            monkeypatch.setattr(owner, name, count)

        counted(navigation, "_sections")
        counted(admin.AdminSite, "_build_app_dict")

        answer = superuser.get(list_of(Invoice))

        assert answer.status_code == HTTPStatus.OK
        assert made == ["_sections"]

    def test_show_each_only_what_they_may_open(self, viewer: Client) -> None:
        sections = viewer.get("/admin/").context["sidebar_navigation"]

        links = [item["link"] for section in sections for item in section["items"]]
        assert len(links) > 5
        for link in links:
            assert viewer.get(link).status_code == HTTPStatus.OK, link


class TestStaffAdmin:
    def test_lets_no_platform_admin_make_a_superuser(self, sign_in: SignIn) -> None:
        client = sign_in(roles.ADMINISTRATOR)
        colleague = User.objects.create_user("siti", is_staff=True)

        client.post(
            f"/admin/auth/user/{colleague.pk}/change/",
            {"username": "siti", "is_superuser": "on", "is_staff": "on", "is_active": "on"},
        )

        colleague.refresh_from_db()
        assert (colleague.is_superuser, colleague.is_staff) == (False, True)

    def test_lets_no_platform_admin_touch_a_superuser(self, sign_in: SignIn) -> None:
        client = sign_in(roles.ADMINISTRATOR)
        root = User.objects.create_superuser("root", password="before")

        for page in ("change", "password"):
            path = reverse("admin:index") + f"auth/user/{root.pk}/{page}/"
            answer = client.post(path, {"password1": "x" * 20, "password2": "x" * 20})
            assert answer.status_code == HTTPStatus.FORBIDDEN

        root.refresh_from_db()
        assert root.check_password("before")


class TestRowPages:
    @pytest.mark.parametrize("model", DJANGOS, ids=lambda model: model._meta.label)
    def test_show_no_raw_amounts_moments_or_structures(self, model: type[Model]) -> None:
        fields = admin.site._registry[model].fields
        raw = {
            column.name
            for column in model._meta.get_fields()
            if column.name.endswith("amount") or isinstance(column, DateTimeField | JSONField)
        }

        assert fields, "without them Django shows every column as it is"
        assert raw.isdisjoint(flatten(fields))

    @pytest.mark.parametrize(
        ("model", "shown"),
        [
            ("invoices/installment", ["RM\N{NO-BREAK SPACE}60.00", "19:00</time>"]),
            ("invoices/paymentrequest", ["RM\N{NO-BREAK SPACE}60.00", "Instalment 1 of invoice"]),
            ("invoices/ledgerentry", ["RM\N{NO-BREAK SPACE}60.00", "xendit-charge", 'UTC">']),
            ("invoices/transaction", ["RM\N{NO-BREAK SPACE}60.50", "PT-77-1-1-ABCDEF"]),
        ],
    )
    def test_tell_money_with_its_currency(
        self, superuser: Client, paid_invoice: Invoice, model: str, shown: list[str]
    ) -> None:
        found = apps.get_model(model.replace("/", ".")).objects.order_by("pk")[0]

        page = superuser.get(f"/admin/{model}/{found.pk}/change/").text

        assert [text for text in shown if text not in page] == []

    def test_have_titles_in_the_readers_language(
        self, superuser: Client, paid_invoice: Invoice
    ) -> None:
        installment = paid_invoice.installments.get(number=2)

        page = superuser.get(
            f"/admin/invoices/installment/{installment.pk}/change/",
            headers={"Accept-Language": "id"},
        )

        assert f"Cicilan 2 dari faktur {paid_invoice.pk} | " in page.text

    def test_of_roles_say_what_they_may_in_words(self, superuser: Client) -> None:
        role = Group.objects.get(name=roles.OPERATOR)

        page = superuser.get(
            f"/admin/auth/group/{role.pk}/change/", headers={"Accept-Language": "id"}
        )

        assert "Dapat melakukan pekerjaan harian keuangan" in page.text
        assert "Lihat: " in page.text
        assert "Can view" not in page.text


class TestAddresses:
    def test_without_the_slash_lead_to_the_overview(self, superuser: Client) -> None:
        assert superuser.get("/admin").headers["Location"] == "/admin/"

    def test_of_others_are_not_followed_after_signing_in(self) -> None:
        User.objects.create_superuser("root", password="kopi tubruk 1945")

        answer = Client().post(
            "/admin/login/?next=https://example.test/",
            {"username": "root", "password": "kopi tubruk 1945"},
        )

        assert answer.headers["Location"] == "/admin/"


def test_every_page_of_rows_is_read_only() -> None:
    others = {
        model._meta.label
        for model, page in admin.site._registry.items()
        if not isinstance(page, ReadOnlyAdmin)
    }

    assert others == {"auth.User"}

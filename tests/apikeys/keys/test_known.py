"""A request that is served by a key which its process has read before."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any, NamedTuple

import pytest
from django.db import DatabaseError, OperationalError, connection, connections
from django.test import Client
from django.utils import timezone

from apikeys.audit.recording import Caller
from apikeys.keys import access, known, services
from apikeys.keys.known import KnownKeys, known_keys
from apikeys.models import ApiKey, ApiKeyAuditEntry, IdempotencyRecord, Tenant
from apikeys.tenants import wall
from apikeys.tenants.wall import Door
from invoices.invoices import views
from invoices.models import Invoice
from paytrust.operations.postgresql import batches
from tests.apikeys.factories import ApiKeyFactory, api_key
from tests.apikeys.tenants.merchants import log_merchants_in
from tests.factories import invoice_body
from tests.invoices.factories import PaymentRequestFactory, invoice

pytestmark = pytest.mark.usefixtures("committed")

CALLERS = 8
OPERATOR = Caller(actor="operator")
WALLS = ("a role", "a login of its own")


class Shop(NamedTuple):
    """A merchant whose key this process has read."""

    row: ApiKey
    key: str

    def ask(self, path: str = "/invoices", body: object = None, **headers: str) -> Any:
        client, sent = Client(raise_request_exception=False), {"x-api-key": self.key, **headers}
        if body is None:
            return client.get(path, headers=sent)
        return client.post(path, body, content_type="application/json", headers=sent)

    def change(self, **fields: Any) -> None:
        ApiKey.objects.filter(pk=self.row.pk).update(**fields)

    def entries(self) -> list[int | None]:
        """Return the statuses in the audit log, but for the call that first read the key."""
        used = ApiKeyAuditEntry.objects.filter(api_key=self.row, operation_type="used")
        return list(used.order_by("pk").values_list("status_code", flat=True))[1:]


@pytest.fixture(params=WALLS)
def shop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """With each way to keep tenants apart."""
    if request.param == "a login of its own":
        log_merchants_in(monkeypatch)
    made = Shop(*api_key())
    assert made.ask("/gateways").status_code == 200
    yield made
    wall.lower()


@pytest.fixture
def sent(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many statements each trip of a request has, on any connection."""
    sizes: list[int] = []
    answers = batches.answers

    def counted(own: Any, questions: Any) -> Any:
        sizes.append(len(questions))
        return answers(own, questions)

    monkeypatch.setattr(batches, "answers", counted)
    return sizes


def payable(tenant: Tenant) -> Invoice:
    """Return an invoice in two parts, with the page of the first."""
    made = invoice(
        tenant=tenant, totals=(5_000, 5_000), expires_at=timezone.now() + timedelta(days=3)
    )
    PaymentRequestFactory.create(invoice=made)
    return made


def ends(shop: Shop) -> None:
    shop.change(status="revoked", revoked_at=timezone.now())


def is_rotated(shop: Shop) -> None:
    services.rotate_key(key_id=shop.row.pk, caller=OPERATOR, now=timezone.now())


def expires(shop: Shop) -> None:
    shop.change(expires_at=timezone.now() - timedelta(seconds=1))


def loses_scopes(shop: Shop) -> None:
    shop.change(scopes=["refund"])


def is_bound_to_other_addresses(shop: Shop) -> None:
    shop.change(allowed_addresses=["203.0.113.0/24"])


REFUSED: dict[str, tuple[Callable[[Shop], None], int]] = {
    "ends": (ends, 401),
    "is rotated": (is_rotated, 401),
    "expires": (expires, 401),
    "loses its scopes": (loses_scopes, 403),
    "is bound to other addresses": (is_bound_to_other_addresses, 403),
}
CALLS: dict[str, tuple[str, object]] = {
    "a list": ("/invoices", None),
    "an invoice that is not there": ("/invoices/999999999", None),
    "instalments": ("/invoices/999999999/installments", None),
    "events": ("/events", None),
    "events, waiting": ("/events?wait=1", None),
    "what the ORM reads": ("/customers", None),
    "keys": ("/account/api-keys", None),
    "a report, of which a replica may be read": (
        "/reports/financial?start_date=2026-01-01&end_date=2026-02-01",
        None,
    ),
    "a query that is wrong, for which nothing is read": ("/invoices?limit=x", None),
    "a new invoice": ("/invoices", invoice_body()),
    "a body that is wrong, for which nothing is read": ("/invoices", {"gateway_id": "x"}),
    "a body that is no JSON": ("/invoices", "{"),
}


class TestAKeyThatChanged:
    @pytest.mark.parametrize("call", CALLS)
    @pytest.mark.parametrize("what", REFUSED)
    def test_opens_nothing(self, shop: Shop, what: str, call: str) -> None:
        happens, status = REFUSED[what]
        happens(shop)

        response = shop.ask(*CALLS[call], idempotency_key="k1")

        assert response.status_code == status, response.content
        assert not Invoice.objects.exists()
        assert not IdempotencyRecord.objects.exists()
        # That of a rotated secret is in the log under the row that the old secret has now.
        assert shop.entries() == ([] if what == "is rotated" else [status])

    def test_is_read_again_and_serves_if_it_may(self, shop: Shop) -> None:
        """It starts again from its body."""
        shop.change(description="renamed", allowed_addresses=["127.0.0.0/8"])

        wrong = shop.ask("/quotes", {"gateway_id": 1, "nonsense": True})
        Tenant.objects.update(name="Toko Baru")
        right = shop.ask("/quotes", invoice_body())

        assert (wrong.status_code, right.status_code) == (400, 200), right.content
        assert right.json()["total_amount"] > 0
        assert shop.entries() == [400, 200]

    def test_may_do_more_at_once(self, shop: Shop) -> None:
        shop.change(allowed_addresses=["203.0.113.0/24"])
        refused = shop.ask()
        shop.change(allowed_addresses=[])

        assert (refused.status_code, shop.ask().status_code) == (403, 200)

    def test_opens_nothing_at_the_last_moment(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It ends after it was recalled, before the first statement."""
        _end_between(shop, monkeypatch)

        assert shop.ask().status_code == 401
        assert shop.entries() == [401]

    def test_would_open_without_a_door(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        """The control: what is remembered is not enough."""
        _end_between(shop, monkeypatch)
        monkeypatch.setattr(known, "_STANDS", "true OR %(key)s = length(%(stamp)s)")

        assert shop.ask().status_code == 200

    def test_opens_to_no_caller_once_it_has_ended(self, shop: Shop) -> None:
        """Callers at once, before and after: from the commit on none is served."""
        barrier, found = Barrier(CALLERS), []

        def call() -> None:
            barrier.wait()
            before = shop.ask().status_code
            barrier.wait()
            barrier.wait()
            found.append((before, shop.ask().status_code))
            connections.close_all()

        threads = [Thread(target=call) for _ in range(CALLERS - 1)]
        for thread in threads:
            thread.start()
        barrier.wait()
        barrier.wait()
        ends(shop)
        barrier.wait()
        for thread in threads:
            thread.join()

        assert found == [(200, 401)] * (CALLERS - 1)


class TestAKeyThatStands:
    @pytest.mark.parametrize(
        ("path", "statements"),
        [
            # wall and key, audit entry; and invoice, lines, instalments, open payment
            ("/invoices/{}", 6),
            ("/invoices/{}/installments", 6),
            ("/invoices/{}/overpayment", 3),
            ("/invoices", 6),
            ("/transactions", 9),
            ("/events", 4),
        ],
    )
    def test_is_asked_for_and_written_down_with_what_it_opens(
        self, shop: Shop, sent: list[int], path: str, statements: int
    ) -> None:
        made = invoice(tenant=shop.row.tenant)

        assert shop.ask(path.format(made.pk)).status_code == 200

        assert sent == [statements]  # one trip

    @pytest.mark.parametrize(
        ("path", "status"),
        [
            ("/invoices/{}", 200),
            ("/invoices/{}/installments", 200),
            ("/invoices/{}/transactions", 200),
            ("/invoices", 200),
            ("/transactions", 200),
            ("/events", 200),
            ("/invoices/{}0", 404),
            ("/invoices/{}0/installments", 404),
            ("/invoices/{}0/transactions", 404),
            ("/invoices?limit=0", 400),
            ("/gateways", 200),
        ],
    )
    def test_is_written_down_once(self, shop: Shop, path: str, status: int) -> None:
        made = invoice(tenant=shop.row.tenant)

        path = path.format(made.pk)
        assert shop.ask(path).status_code == status

        assert shop.entries() == [status]
        entry = ApiKeyAuditEntry.objects.order_by("-pk")[0]
        assert (entry.path, entry.tenant_id) == (path.split("?")[0], shop.row.tenant_id)
        assert entry.success is (status == 200)

    @pytest.mark.parametrize(
        ("ask", "statements"),
        [
            # wall and key, two locks, four that read; the same; invoice, audit entry, event
            ({"body": {}}, [7, 7, 3]),
            # and the claim, and the answer
            ({"body": {}, "idempotency-key": "k"}, [8, 7, 4]),
        ],
        ids=["without a key", "with a key"],
    )
    def test_is_written_down_with_a_cancellation(
        self, shop: Shop, sent: list[int], ask: dict[str, Any], statements: list[int]
    ) -> None:
        first, made = (invoice(tenant=shop.row.tenant, status="pending") for _ in range(2))
        shop.ask(f"/invoices/{first.pk}/cancel", {})  # has the SQL of the locks made
        sent.clear()

        assert shop.ask(f"/invoices/{made.pk}/cancel", **ask).status_code == 200

        assert sent == statements
        assert shop.entries() == [200, 200]

    def test_is_written_down_with_an_adjustment(self, shop: Shop, sent: list[int]) -> None:
        made = payable(shop.row.tenant)
        path = f"/invoices/{made.pk}/installments"
        change = {"installments": [{"number": 1, "total": 5_000}, {"number": 2, "total": 5_000}]}

        def adjusted() -> Any:
            return Client().patch(
                path, change, content_type="application/json", headers={"x-api-key": shop.key}
            )

        adjusted()  # has the SQL of the locks made
        sent.clear()

        assert adjusted().status_code == 200
        assert sent == [7, 7, 3]  # the last: instalments, invoice, audit entry
        assert shop.entries() == [200, 200]

    @pytest.mark.parametrize(
        ("headers", "statements"),
        [
            # wall and key, what is under way; wall, four that read; audit entry
            ({}, [2, 5, 1]),
            # wall, claim; wall, answer, audit entry
            ({"idempotency-key": "k"}, [2, 5, 2, 3]),
        ],
        ids=["without a key", "with a key"],
    )
    def test_is_written_down_with_a_payment_that_is_open(
        self, shop: Shop, sent: list[int], headers: dict[str, str], statements: list[int]
    ) -> None:
        made = payable(shop.row.tenant)

        answer = shop.ask(f"/invoices/{made.pk}/payments", {}, **headers)

        assert (answer.status_code, answer.json()["amount"]) == (201, 5_000)
        assert sent == statements
        assert shop.entries() == [201]

    def test_is_written_down_with_the_answer_to_what_was_done_before(
        self, shop: Shop, sent: list[int]
    ) -> None:
        made = invoice(tenant=shop.row.tenant, status="pending")
        shop.ask(f"/invoices/{made.pk}/cancel", {})
        sent.clear()

        again = shop.ask(f"/invoices/{made.pk}/cancel", {}, **{"idempotency-key": "k"})

        assert again.json()["status"] == "cancelled"
        assert sent == [8, 7, 3]  # the last: wall, answer and audit entry
        assert shop.entries() == [200, 200]

    def test_does_not_see_another_tenants_invoice(self, shop: Shop) -> None:
        foreign = invoice()

        assert shop.ask(f"/invoices/{foreign.pk}").status_code == 404
        assert shop.entries() == [404]

    def test_is_written_down_again_if_the_answer_is_another_in_the_end(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object) -> None:
            raise ZeroDivisionError

        made = invoice(tenant=shop.row.tenant)
        monkeypatch.setattr(views, "invoice_answer", fail)

        assert shop.ask(f"/invoices/{made.pk}").status_code == 500
        assert shop.entries() == [200, 500]

    def test_has_a_last_use_that_is_precise_to_the_minute(self, shop: Shop) -> None:
        long_ago = timezone.now() - timedelta(seconds=61)
        shop.change(last_used_at=long_ago)
        known_keys.read(digest=shop.row.key_digest)

        def last_used() -> Any:
            return ApiKey.objects.values_list("last_used_at", flat=True).get(pk=shop.row.pk)

        shop.ask()
        first = last_used()
        shop.ask()

        assert first > long_ago
        assert last_used() == first

    def test_does_not_serve_while_it_cannot_be_asked_for(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A refusal that needs no statement is none before its key was asked for."""

        def fail(*_: object) -> None:
            raise OperationalError("away")

        monkeypatch.setattr(access, "join", fail)

        assert shop.ask("/invoices?limit=0").status_code == 503
        assert shop.ask("/invoices").status_code == 200


class TestWhatAMerchantsRequestMayWriteOfTheLog:
    ADD = """
        INSERT INTO apikeys_apikeyauditentry (tenant_id, api_key_id, operation_type,
            actor_identifier, success, created_at) VALUES (%s, 1, %s, 'x', true, now())"""

    @pytest.fixture
    def own(self) -> Iterator[int]:
        row = ApiKeyFactory.create()
        wall.raise_for(row.tenant_id)
        yield row.tenant_id
        wall.lower()

    def add(self, tenant_id: int, operation: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(self.ADD, [tenant_id, operation])

    def test_is_the_use_of_its_own_keys(self, own: int) -> None:
        self.add(own, "used")

        wall.lower()
        assert ApiKeyAuditEntry.objects.get().operation_type == "used"

    @pytest.mark.parametrize("operation", ["created", "rotated", "revoked", "changed"])
    def test_is_nothing_else(self, own: int, operation: str) -> None:
        with pytest.raises(DatabaseError, match="row-level security"):
            self.add(own, operation)

    def test_is_nothing_of_others(self, own: int) -> None:
        with pytest.raises(DatabaseError, match="row-level security"):
            self.add(own + 1, "used")

    @pytest.mark.parametrize("change", ["UPDATE {} SET success = true", "DELETE FROM {}"])
    def test_stays(self, own: int, change: str) -> None:
        self.add(own, "used")

        with (
            pytest.raises(DatabaseError, match="permission denied"),
            connection.cursor() as cursor,
        ):
            cursor.execute(change.format("apikeys_apikeyauditentry"))


class TestKnownKeys:
    def test_drop_the_one_that_was_used_longest_ago(self) -> None:
        keys = KnownKeys(at_most=2)
        first, second, third = (ApiKeyFactory.create().key_digest for _ in range(3))

        for digest in (first, second, first, third):
            if not keys.recall(digest=digest, refusal=Exception):
                keys.read(digest=digest)

        assert keys.recall(digest=second, refusal=Exception) is None
        assert keys.recall(digest=first, refusal=Exception) is not None
        assert keys.recall(digest=third, refusal=Exception) is not None

    def test_remember_no_key_that_is_not_there(self) -> None:
        keys = KnownKeys()

        assert keys.read(digest="0" * 64) is None
        assert keys.recall(digest="0" * 64, refusal=Exception) is None

    def test_give_each_caller_an_object_of_its_own(self) -> None:
        row, keys = ApiKeyFactory.create(), KnownKeys()
        read = keys.read(digest=row.key_digest)
        recalled = keys.recall(digest=row.key_digest, refusal=Exception)
        assert read is not None
        assert recalled is not None
        read.tenant.name = "changed by its caller"

        assert recalled[0] == read == row
        assert recalled[0].tenant.name == row.tenant.name

    @pytest.mark.parametrize(
        "field", [one.name for one in ApiKey._meta.concrete_fields if one.name != "last_used_at"]
    )
    def test_notice_each_field(self, field: str) -> None:
        """A door knows the whole row, also the fields of tomorrow."""
        assert f"key.{ApiKey._meta.get_field(field).column}" in known._STANDS  # type: ignore[union-attr]


def _end_between(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    recall = services.recalled

    def recalled(**wanted: Any) -> tuple[ApiKey, Door] | None:
        found = recall(**wanted)
        assert found is not None
        ends(shop)
        return found

    monkeypatch.setattr(services, "recalled", recalled)

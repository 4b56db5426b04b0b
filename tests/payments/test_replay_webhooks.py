from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from invoices.models import Transaction
from payments.models import WebhookEvent
from tests.conftest import Merchant, Sandbox
from tests.factories import invoice_body
from tests.payments.webhooks.test_operator_views import event


def replay(*arguments: Any, **options: Any) -> str:
    out = StringIO()
    call_command("replay_webhooks", *arguments, stdout=out, **options)
    return out.getvalue()


class TestReplaying:
    def test_books_what_was_put_off(self, merchant: Merchant, sandbox: Sandbox) -> None:
        invoice = merchant.post("/invoices", json=invoice_body()).json()
        sandbox.fault("xendit", "http_500")
        sandbox.pay(invoice["payment_url"])
        merchant.wait_until(invoice["id"], lambda _: WebhookEvent.objects.filter(attempts=1))
        stored = WebhookEvent.objects.get()

        said = replay(stored.pk)

        assert said.splitlines() == [
            f"[1/1] {stored.pk} xendit {stored.reference}: gateway_unavailable -> booked",
            "1 replayed: 1 booked",
        ]
        assert merchant.get(f"/invoices/{invoice['id']}").json()["status"] == "fully_paid"
        with pytest.raises(CommandError, match="already processed"):
            replay(stored.pk)
        assert Transaction.objects.count() == 1


class TestChoosing:
    @pytest.fixture(autouse=True)
    def _events(self, committed: None) -> None:
        self.old = event(1, received_at=timezone.now() - timedelta(days=3)).pk
        self.new = event(2).pk
        self.midtrans = event(3, gateway_id=2).pk
        self.waiting = event(4, status="received", next_attempt_at=timezone.now()).pk
        self.done = event(5, status="processed").pk
        self.ignored = event(6, status="ignored").pk

    def chosen(self, *arguments: Any) -> set[int]:
        lines = replay(*arguments, "--dry-run").splitlines()[:-1]
        return {int(line.split()[1]) for line in lines}

    def test_by_what_is_asked_for(self) -> None:
        since = f"{timezone.now() - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"

        assert self.chosen("--failed") == {self.old, self.new, self.midtrans}
        assert self.chosen("--failed", "--gateway=xendit") == {self.old, self.new}
        assert self.chosen(f"--since={since}") == {self.new, self.midtrans, self.waiting}
        assert self.chosen(self.new, self.midtrans) == {self.new, self.midtrans}

    def test_finds_what_was_ignored_only_by_its_id(self) -> None:
        assert self.chosen(self.ignored) == {self.ignored}

    def test_changes_nothing_on_a_dry_run(self) -> None:
        before = list(WebhookEvent.objects.order_by("pk").values())

        said = replay("--failed", "--dry-run")

        assert "3 would be replayed: 3 unknown_reference" in said
        assert list(WebhookEvent.objects.order_by("pk").values()) == before

    @pytest.mark.parametrize(
        ("arguments", "reason"),
        [
            ([], "Name notifications"),
            (["--gateway=paypal"], "no gateway 'paypal'"),
            (["999999999"], "Unknown"),
            (["--since=yesterday"], "since"),
            (["--since=2026-11-01T00:00:00"], "since"),
        ],
    )
    def test_refuses_what_it_does_not_understand(self, arguments: list[str], reason: str) -> None:
        with pytest.raises(CommandError, match=reason):
            replay(*arguments)

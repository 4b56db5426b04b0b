"""`manage.py erase_customer`: take a person out of a merchant's invoices; the money stays."""

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from apikeys.models import Tenant
from apikeys.staff_acts.recording import Actor
from payments.customers import erasing
from paytrust.errors import PayTrustError


class Command(BaseCommand):
    help = (
        "Blank a customer's name, email and phone in a merchant's invoices, in their events and in"
        " the gateways' notifications and settlement files, and in bank statements. Amounts, states"
        " and the ledger stay."
        " There is no way back."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("tenant_id", type=int)
        parser.add_argument("--email", help="the customer's")
        parser.add_argument("--phone", help="the customer's, as the invoices have it")
        parser.add_argument("--invoice", type=int, action="append", default=[], help="an id")
        parser.add_argument("--by", required=True, help="your account in the back office")
        parser.add_argument("--reason", required=True, help="such as the request's number")
        parser.add_argument("--dry-run", action="store_true", help="count, change nothing")

    def handle(  # named by the parser
        self,
        *args: object,
        tenant_id: int,
        email: str | None,
        phone: str | None,
        invoice: list[int],
        by: str,
        reason: str,
        dry_run: bool,
        **options: object,
    ) -> None:
        if not (email or phone or invoice):
            raise CommandError("Name the customer by --email, --phone or --invoice.")
        try:
            tenant = Tenant.objects.get(pk=tenant_id)
            user = User.objects.get(username=by, is_staff=True, is_active=True)
        except Tenant.DoesNotExist as error:
            raise CommandError(f"There is no tenant {tenant_id}.") from error
        except User.DoesNotExist as error:
            raise CommandError(f"{by} is no member of staff.") from error
        found = erasing.invoices_of(
            tenant=tenant, email=email, phone=phone, invoice_ids=invoice
        ).order_by("pk")
        ids = list(found.values_list("pk", flat=True))
        if dry_run:
            self.stdout.write(f"{len(ids)} invoices name this customer.")
            return
        try:
            done = erasing.erase(
                actor=Actor(user=user),
                tenant=tenant,
                invoices=ids,
                reason=reason,
                now=timezone.now(),
            )
        except PayTrustError as error:
            raise CommandError(str(error) or error.code) from error
        self.stdout.write(
            f"Erased from {done.invoices} invoices, {done.events} events and"
            f" {done.notifications} notifications, {done.settlement_lines} settlement lines,"
            f" {done.bank_entries} bank entries."
        )

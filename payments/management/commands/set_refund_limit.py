"""`manage.py set_refund_limit`: the amount that a merchant's key alone may give back."""

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from apikeys.models import Tenant
from payments.refunds import limits
from paytrust.money import EXPONENTS, Money


class Command(BaseCommand):
    help = "Set the amount of an invoice that a merchant's key alone may give back."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("tenant_id", type=int)
        parser.add_argument("currency", choices=sorted(EXPONENTS))
        parser.add_argument(
            "amount",
            help="in the smallest unit; 0: all refunds wait for two people; none: no limit",
        )

    def handle(self, *, tenant_id: int, currency: str, amount: str, **options: object) -> None:
        if amount != "none" and not (amount.isascii() and amount.isdigit()):
            raise CommandError("The amount must be a whole number of the smallest unit, or none.")
        limit = None if amount == "none" else int(amount)
        try:
            limits.set_limit(
                tenant_id=tenant_id, currency_code=currency, amount=limit, now=timezone.now()
            )
        except Tenant.DoesNotExist as error:
            raise CommandError(f"There is no tenant {tenant_id}.") from error
        said = "no limit" if limit is None else str(Money(limit, currency))
        self.stdout.write(f"Tenant {tenant_id}: {said}")
